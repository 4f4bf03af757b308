// Which pages of other origins may ask, and what they may see. Exact origins only; nothing is reflected that
// was not configured.

import HTTP
import Settings

/// The rules for other origins. A value.
struct CORS: Sendable {
    private let origins: Set<String>
    private let maxAgeSeconds: Int

    private static let allowedHeaders =
        "Authorization, Content-Type, Last-Event-ID, If-None-Match, If-Modified-Since, Idempotency-Key"
    private static let exposedHeaders =
        "ETag, Last-Modified, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, "
        + "X-Server-Timestamp, X-Request-Id, Idempotent-Replayed"

    init(_ settings: Configuration.Browser) {
        origins = Set(settings.origins.map(\.description))
        maxAgeSeconds = settings.preflightAge.wholeSeconds
    }

    func allows(_ origin: String) -> Bool { origins.contains(origin) }

    /// What an answer to this request carries.
    func fields(for request: Request) -> [(name: String, value: String)] {
        guard !origins.isEmpty else { return [] }
        guard let origin = request.header("origin"), allows(origin) else { return [("Vary", "Origin")] }
        return [
            ("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Expose-Headers", Self.exposedHeaders), ("Vary", "Origin"),
        ]
    }

    /// The answer to a preflight; nil when this is none.
    func preflight(_ request: Request) -> Response? {
        guard request.method == "OPTIONS", request.header("access-control-request-method") != nil else {
            return nil
        }
        guard let origin = request.header("origin"), allows(origin) else {
            return .error(403, "origin_not_allowed", "This origin is not allowed.")
        }
        return Response(
            status: 204,
            fields: [
                ("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS"),
                ("Access-Control-Allow-Headers", Self.allowedHeaders),
                ("Access-Control-Max-Age", String(maxAgeSeconds)),
            ])
    }
}
