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
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
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
        .map(
            found ->
                ResponseEntity.created(URI.create("/users/" + found.user().id()))
                    .contentType(MediaType.APPLICATION_JSON)
                    .body(Json.object(found)));
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
  Mono<ResponseEntity<byte[]>> find(@PathVariable String id) {
    long known = ReadRequest.id(id);
    return users.find(known).map(UserController::ok).switchIfEmpty(notFound(known));
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
        .map(UserController::ok)
        .switchIfEmpty(notFound(known));
  }

  @DeleteMapping("/users/{id}")
  Mono<ResponseEntity<byte[]>> delete(@PathVariable String id) {
    long known = ReadRequest.id(id);
    return users
        .delete(known)
        .filter(deleted -> deleted)
        .map(deleted -> ResponseEntity.noContent().<byte[]>build())
        .switchIfEmpty(notFound(known));
  }

  private static ResponseEntity<byte[]> ok(NdjsonLine.Found found) {
    return ResponseEntity.ok().contentType(MediaType.APPLICATION_JSON).body(Json.object(found));
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
