package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import java.util.Set;

/** The functions that are known, by what they give. */
@Internal
public final class Functions {

  public static final Set<String> MERGED = Set.of("COUNT", "SUM", "MIN", "MAX", "AVG", "ANY_VALUE");

  public static final Set<String> AGGREGATES =
      words(
          "COUNT SUM MIN MAX AVG ANY_VALUE BIT_AND BIT_OR BIT_XOR GROUP_CONCAT JSON_ARRAYAGG"
              + " JSON_OBJECTAGG STD STDDEV STDDEV_POP STDDEV_SAMP VAR_POP VAR_SAMP VARIANCE");

  static final Set<String> WINDOW =
      words(
          "CUME_DIST DENSE_RANK FIRST_VALUE LAG LAST_VALUE LEAD NTH_VALUE NTILE PERCENT_RANK RANK"
              + " ROW_NUMBER");

  public static final Set<String> NUMBERS =
      words(
          "ABS ACOS ASCII ASIN ATAN ATAN2 BENCHMARK BIT_COUNT BIT_LENGTH CEIL CEILING"
              + " CHARACTER_LENGTH CHAR_LENGTH COERCIBILITY COS COT CRC32 DATEDIFF DAY DAYOFMONTH"
              + " DAYOFWEEK DAYOFYEAR DEGREES EXP EXTRACT FIELD FIND_IN_SET FLOOR GTID_SUBSET HOUR"
              + " INET_ATON INSTR IS_IPV4 IS_IPV4_COMPAT IS_IPV4_MAPPED IS_IPV6 IS_UUID ISNULL"
              + " JSON_CONTAINS JSON_CONTAINS_PATH JSON_DEPTH JSON_LENGTH JSON_OVERLAPS"
              + " JSON_SCHEMA_VALID JSON_STORAGE_FREE JSON_STORAGE_SIZE JSON_VALID LENGTH LN LOCATE"
              + " LOG LOG10 LOG2 MATCH MICROSECOND MINUTE MOD MONTH OCTET_LENGTH ORD PERIOD_ADD"
              + " PERIOD_DIFF PI POSITION POW POWER QUARTER RADIANS REGEXP_INSTR REGEXP_LIKE ROUND"
              + " SECOND SIGN SIN SLEEP SQRT STRCMP TAN TIMESTAMPDIFF TIME_TO_SEC TO_DAYS"
              + " TO_SECONDS TRUNCATE UNCOMPRESSED_LENGTH WEEK WEEKDAY WEEKOFYEAR YEARWEEK GROUPING");

  public static final Set<String> TEXTS =
      words(
          "BIN CONCAT CONCAT_WS CONV DATE_FORMAT DAYNAME ELT EXPORT_SET EXTRACTVALUE FORMAT"
              + " GET_FORMAT GTID_SUBTRACT HEX INET6_NTOA INET_NTOA INSERT JSON_PRETTY JSON_QUOTE"
              + " JSON_TYPE JSON_UNQUOTE JSON_VALUE LCASE LEFT LOWER LPAD LTRIM MAKE_SET MD5 MID"
              + " MONTHNAME OCT QUOTE REGEXP_REPLACE REGEXP_SUBSTR REPEAT REPLACE REVERSE RIGHT"
              + " RPAD RTRIM SHA SHA1 SHA2 SOUNDEX SPACE SUBSTR SUBSTRING SUBSTRING_INDEX"
              + " TIME_FORMAT TO_BASE64 TRIM UCASE UPDATEXML UPPER BIN_TO_UUID");

  /** Texts in the session's own collation, whatever they are made of. */
  public static final Set<String> OWN_TEXTS =
      words(
          "BIN CONV DATE_FORMAT DAYNAME FORMAT HEX INET6_NTOA INET_NTOA MD5 MONTHNAME OCT SHA SHA1"
              + " SHA2 TIME_FORMAT TO_BASE64 BIN_TO_UUID");

  public static final Set<String> TEMPORALS =
      words(
          "CONVERT_TZ DATE FROM_DAYS LAST_DAY MAKEDATE MAKETIME SEC_TO_TIME STR_TO_DATE TIME"
              + " TIMEDIFF TIMESTAMP YEAR");

  /** Temporal if their first argument is, otherwise text. */
  public static final Set<String> SHIFTS =
      words("ADDDATE ADDTIME DATE_ADD DATE_SUB SUBDATE SUBTIME TIMESTAMPADD");

  public static final Set<String> BINARIES =
      words(
          "AES_DECRYPT AES_ENCRYPT FROM_BASE64 INET6_ATON UNHEX UUID_TO_BIN WEIGHT_STRING COMPRESS"
              + " UNCOMPRESS");

  /** Functions of the common type of their arguments. */
  public static final Set<String> CHOICES = words("COALESCE GREATEST IFNULL LEAST");

  static final Set<String> OTHERS =
      words(
          "CHAR DEFAULT FROM_UNIXTIME IF INTERVAL JSON_ARRAY JSON_ARRAY_APPEND JSON_ARRAY_INSERT"
              + " JSON_EXTRACT JSON_INSERT JSON_KEYS JSON_MERGE JSON_MERGE_PATCH"
              + " JSON_MERGE_PRESERVE JSON_OBJECT JSON_REMOVE JSON_REPLACE JSON_SEARCH JSON_SET"
              + " NULLIF VALUES VALUE CHARSET COLLATION");

  /** Functions of places and shapes, which both kinds of server have. */
  static final Set<String> SPATIAL =
      words(
          "GEOMETRYCOLLECTION LINESTRING MBRCONTAINS MBRDISJOINT MBREQUALS MBRINTERSECTS"
              + " MBROVERLAPS MBRTOUCHES MBRWITHIN MULTILINESTRING MULTIPOINT MULTIPOLYGON POINT"
              + " POLYGON ST_AREA ST_ASBINARY ST_ASGEOJSON ST_ASTEXT ST_ASWKB ST_ASWKT ST_BUFFER"
              + " ST_CENTROID ST_CONTAINS ST_CONVEXHULL ST_CROSSES ST_DIFFERENCE ST_DIMENSION"
              + " ST_DISJOINT ST_DISTANCE ST_DISTANCE_SPHERE ST_ENDPOINT ST_ENVELOPE ST_EQUALS"
              + " ST_EXTERIORRING ST_GEOMETRYN ST_GEOMETRYTYPE ST_GEOMFROMGEOJSON ST_GEOMFROMTEXT"
              + " ST_GEOMFROMWKB ST_INTERIORRINGN ST_INTERSECTION ST_INTERSECTS ST_ISCLOSED"
              + " ST_ISEMPTY ST_ISSIMPLE ST_LENGTH ST_LINEFROMTEXT ST_NUMGEOMETRIES"
              + " ST_NUMINTERIORRINGS ST_NUMPOINTS ST_OVERLAPS ST_POINTFROMTEXT ST_POINTN"
              + " ST_POLYFROMTEXT ST_SIMPLIFY ST_SRID ST_STARTPOINT ST_SYMDIFFERENCE ST_TOUCHES"
              + " ST_UNION ST_WITHIN ST_X ST_Y");

  /**
   * Functions of the server's clock: one moment for a statement, and near to the same on all
   * servers.
   */
  public static final Set<String> CLOCK =
      words(
          "CURDATE CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURTIME LOCALTIME LOCALTIMESTAMP NOW"
              + " SYSDATE UNIX_TIMESTAMP UTC_DATE UTC_TIME UTC_TIMESTAMP");

  public static final Set<String> RANDOM = words("RAND RANDOM_BYTES UUID UUID_SHORT");

  public static final Set<String> SESSION =
      words(
          "CONNECTION_ID CURRENT_ROLE CURRENT_USER DATABASE FOUND_ROWS GET_LOCK IS_FREE_LOCK"
              + " IS_USED_LOCK LAST_INSERT_ID RELEASE_ALL_LOCKS RELEASE_LOCK ROW_COUNT SCHEMA"
              + " SESSION_USER SYSTEM_USER USER VERSION");

  /** Functions that tell of the server and of its user, which no statement changes. */
  public static final Set<String> TELLING =
      words("CURRENT_USER DATABASE SCHEMA SESSION_USER SYSTEM_USER USER VERSION");

  private Functions() {}

  public static boolean isKnown(String name) {
    return AGGREGATES.contains(name)
        || WINDOW.contains(name)
        || NUMBERS.contains(name)
        || TEXTS.contains(name)
        || TEMPORALS.contains(name)
        || SHIFTS.contains(name)
        || BINARIES.contains(name)
        || CHOICES.contains(name)
        || OTHERS.contains(name)
        || SPATIAL.contains(name)
        || CLOCK.contains(name)
        || RANDOM.contains(name)
        || SESSION.contains(name);
  }

  /** Tells whether a function must have a window. */
  public static boolean isWindow(String name) {
    return WINDOW.contains(name);
  }

  public static boolean isAggregate(Expr expr) {
    return expr instanceof Expr.Call call && !call.over() && AGGREGATES.contains(call.name());
  }

  private static Set<String> words(String words) {
    return Set.of(words.split(" "));
  }
}
