package io.shardflux.api;

import io.shardflux.api.failure.Failure;
import io.shardflux.api.failure.Refusal;
import io.shardflux.api.request.ReadRequest;
import io.shardflux.api.request.UserReader;
import io.shardflux.api.users.JsonBody;
import io.shardflux.api.users.Upload;
import io.shardflux.api.users.Users;
import io.shardflux.api.wire.Json;
import io.shardflux.api.wire.Ndjson;
import io.shardflux.api.wire.NdjsonLine;
import io.shardflux.r2dbc.settings.CausalToken;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.http.server.reactive.ServerHttpResponse;
import org.springframework.util.MimeTypeUtils;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ServerWebExchange;
import reactor.core.publisher.Mono;

/** {@code /users}: one as JSON, any number as lines of it. */
@RestController
final class UserController {

  /** Says how far a shard was at the answer of a write, and what a read must have seen. */
  private static final String TOKEN = "Shardflux-Token";

  private final Users users;
  private final Upload upload;

  UserController(Users users, Upload upload) {
    this.users = users;
    this.upload = upload;
  }

  @PostMapping(
      path = "/users",
      consumes = MediaType.APPLICATION_JSON_VALUE,
      produces = MediaType.APPLICATION_JSON_VALUE)
  Mono<ResponseEntity<byte[]>> create(ServerWebExchange exchange) {
    return JsonBody.of(exchange)
        .map(UserReader::read)
        .flatMap(users::insert)
        .flatMap(
            found ->
                users
                    .token(found.shard())
                    .map(
                        token ->
                            ResponseEntity.created(URI.create("/users/" + found.user().id()))
                                .header(TOKEN, token)
                                .contentType(MediaType.APPLICATION_JSON)
                                .body(Json.object(found))));
  }

  @PostMapping(
      path = "/users",
      consumes = MediaType.APPLICATION_NDJSON_VALUE,
      produces = MediaType.APPLICATION_NDJSON_VALUE)
  Mono<Void> createAll(ServerWebExchange exchange) {
    return Ndjson.send(exchange.getResponse(), upload.store(exchange.getRequest().getBody()));
  }

  @GetMapping(
      path = "/users",
      produces = {MediaType.APPLICATION_NDJSON_VALUE, MediaType.APPLICATION_JSON_VALUE})
  Mono<Void> list(ServerWebExchange exchange) {
    ReadRequest request = ReadRequest.of(exchange.getRequest().getQueryParams());
    CausalToken token = token(exchange);
    Mono<Void> answer = list(exchange, request);
    return token == null ? answer : answer.contextWrite(users.after(token));
  }

  private Mono<Void> list(ServerWebExchange exchange, ReadRequest request) {
    return users
        .checkRoutable(request)
        .then(
            Mono.defer(
                () ->
                    wantsArray(exchange)
                        ? users.list(request).flatMap(all -> sendArray(exchange, all))
                        : Ndjson.sendKnown(exchange.getResponse(), users.stream(request))));
  }

  @GetMapping(path = "/users/{id}", produces = MediaType.APPLICATION_JSON_VALUE)
  Mono<ResponseEntity<byte[]>> find(@PathVariable String id, ServerWebExchange exchange) {
    long known = ReadRequest.id(id);
    CausalToken token = token(exchange);
    Mono<NdjsonLine.Found> found =
        token == null ? users.find(known) : users.findAfter(token, known);
    return found.map(UserController::ok).switchIfEmpty(notFound(known));
  }

  @PutMapping(
      path = "/users/{id}",
      consumes = MediaType.APPLICATION_JSON_VALUE,
      produces = MediaType.APPLICATION_JSON_VALUE)
  Mono<ResponseEntity<byte[]>> replace(@PathVariable String id, ServerWebExchange exchange) {
    long known = ReadRequest.id(id);
    return JsonBody.of(exchange)
        .map(json -> UserReader.read(json, known))
        .flatMap(users::replace)
        .flatMap(
            found ->
                users
                    .token(found.shard())
                    .map(
                        token ->
                            ResponseEntity.ok()
                                .header(TOKEN, token)
                                .contentType(MediaType.APPLICATION_JSON)
                                .body(Json.object(found))))
        .switchIfEmpty(notFound(known));
  }

  @DeleteMapping("/users/{id}")
  Mono<ResponseEntity<byte[]>> delete(@PathVariable String id) {
    long known = ReadRequest.id(id);
    return users
        .delete(known)
        .filter(deleted -> deleted)
        .flatMap(deleted -> users.token(known))
        .map(token -> ResponseEntity.noContent().header(TOKEN, token).<byte[]>build())
        .switchIfEmpty(notFound(known));
  }

  private static ResponseEntity<byte[]> ok(NdjsonLine.Found found) {
    return ResponseEntity.ok().contentType(MediaType.APPLICATION_JSON).body(Json.object(found));
  }

  /** What the answer must have seen, or null. */
  private static @Nullable CausalToken token(ServerWebExchange exchange) {
    List<String> texts = exchange.getRequest().getHeaders().getOrEmpty(TOKEN);
    if (texts.isEmpty()) {
      return null;
    }
    if (texts.size() > 1) {
      throw Refusal.invalid(TOKEN + ": " + texts.size() + " times (expected: once)");
    }
    try {
      return CausalToken.parse(texts.get(0));
    } catch (IllegalArgumentException wrong) {
      throw Refusal.invalid(TOKEN + ": " + wrong.getMessage());
    }
  }

  private static <T> Mono<T> notFound(long id) {
    return Mono.error(() -> new Refusal(Failure.notFound(id)));
  }

  /** Tells whether the client prefers an array; a client without a preference gets lines. */
  private static boolean wantsArray(ServerWebExchange exchange) {
    List<MediaType> accepted = new ArrayList<>(exchange.getRequest().getHeaders().getAccept());
    MimeTypeUtils.sortBySpecificity(accepted);
    for (MediaType type : accepted) {
      if (type.includes(MediaType.APPLICATION_NDJSON)) {
        return false;
      }
      if (type.includes(MediaType.APPLICATION_JSON)) {
        return true;
      }
    }
    return false;
  }

  private static Mono<Void> sendArray(ServerWebExchange exchange, List<NdjsonLine.Found> all) {
    ServerHttpResponse response = exchange.getResponse();
    response.getHeaders().setContentType(MediaType.APPLICATION_JSON);
    return response.writeWith(
        Mono.fromSupplier(() -> response.bufferFactory().wrap(Json.array(all))));
  }
}
