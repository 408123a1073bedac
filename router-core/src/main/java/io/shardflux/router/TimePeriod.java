package io.shardflux.router;

import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;

/**
 * A stretch of the calendar; instants are taken in UTC.
 *
 * <p>Periods are numbered so that their order is that of time, and the number has the same formula
 * in Java and in SQL.
 */
public enum TimePeriod {
  /** A day, numbered from 1970-01-01 on. */
  DAY {
    @Override
    long number(int year, int month, long epochDay) {
      return epochDay;
    }

    @Override
    String sql(String column) {
      return EPOCH_DAY.formatted(column);
    }

    @Override
    LocalDate start(long number) {
      return LocalDate.ofEpochDay(number);
    }
  },
  /** An ISO week, Monday to Sunday, numbered from the one that holds 1970-01-01 on. */
  WEEK {
    @Override
    long number(int year, int month, long epochDay) {
      return Math.floorDiv(epochDay + 3, 7);
    }

    @Override
    String sql(String column) {
      return "FLOOR((" + EPOCH_DAY.formatted(column) + " + 3) / 7)";
    }

    @Override
    LocalDate start(long number) {
      return LocalDate.ofEpochDay(number * 7 - 3);
    }
  },
  /** A month, numbered year * 12 + month - 1. */
  MONTH {
    @Override
    long number(int year, int month, long epochDay) {
      return year * 12L + month - 1;
    }

    @Override
    String sql(String column) {
      return "YEAR(" + column + ") * 12 + MONTH(" + column + ") - 1";
    }

    @Override
    LocalDate start(long number) {
      return LocalDate.of((int) (number / 12), (int) (number % 12) + 1, 1);
    }
  },
  /** A year, numbered by itself. */
  YEAR {
    @Override
    long number(int year, int month, long epochDay) {
      return year;
    }

    @Override
    String sql(String column) {
      return "YEAR(" + column + ")";
    }

    @Override
    LocalDate start(long number) {
      return LocalDate.of((int) number, 1, 1);
    }
  };

  private static final String EPOCH_DAY = "DATEDIFF(%s, DATE '1970-01-01')";
  private static final int SECONDS_PER_DAY = 86_400;

  abstract long number(int year, int month, long epochDay);

  /** The number of a temporal column's period, in SQL. */
  abstract String sql(String column);

  /** The first day of the period of a number, in a year from 1 on. */
  abstract LocalDate start(long number);

  /** The number of the period that a date lies in. */
  long number(LocalDate date) {
    return number(date.getYear(), date.getMonthValue(), date.toEpochDay());
  }

  /** The number of the period that a temporal part of a key lies in; allocates nothing. */
  long number(ShardKey key, int index) {
    // All three types' canonical texts begin with yyyy-MM.
    byte[] text = key.textBytes(index);
    int year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
    return number(year, twoDigits(text, 5), epochDay(key.part(index)));
  }

  private static int twoDigits(byte[] text, int index) {
    return (text[index] - '0') * 10 + text[index + 1] - '0';
  }

  private static long epochDay(Object part) {
    if (part instanceof LocalDate date) {
      return date.toEpochDay();
    }
    return part instanceof LocalDateTime dateTime
        ? dateTime.toLocalDate().toEpochDay()
        : Math.floorDiv(((Instant) part).getEpochSecond(), SECONDS_PER_DAY);
  }
}
