// The admin listener's answers: health, readiness, metrics. Loopback by default; nothing here names a
// business.

import Domain
import FanOut
import HTTP
import Lanes
import Registry
import Settings
import Telemetry

/// Answers the admin listener's requests. Lives on its loop.
final class OpsReception: Responder {
    private let services: Services
    private let collect: @Sendable (@Sendable @escaping (Tallies) -> Void) -> Void
    private let lane: any TimedLane
    private let stamp: AnswerStamp
    private let settings: ExchangeSettings
    private let isLoopback: Bool

    /// - Parameter collect: Asks every loop for its tallies and calls back with their sum.
    init(
        services: Services, lane: any TimedLane, isLoopback: Bool,
        collect: @Sendable @escaping (@Sendable @escaping (Tallies) -> Void) -> Void
    ) {
        self.services = services
        self.lane = lane
        self.isLoopback = isLoopback
        self.collect = collect
        stamp = AnswerStamp(clock: services.clock, prefix: "ops")
        settings = services.exchanges
    }

    func accept(_ stream: any ByteStream) {
        _ = Exchange(stream: stream, lane: lane, settings: settings, responder: self, stamp: stamp)
    }

    func respond(to request: Request, on exchange: Exchange) {
        guard request.method == "GET" || request.method == "HEAD" else {
            return exchange.answer(
                .error(
                    405, "method_not_allowed", "Only GET is answered here.", fields: [("Allow", "GET, HEAD")])
            )
        }
        guard isLoopback || mayOperate(request) else {
            return exchange.answer(Refused.unauthenticated.response)
        }
        switch request.target.path {
        case "/healthz": exchange.answer(.json(Array(#"{"status":"ok"}"#.utf8)))
        case "/readyz": exchange.answer(readiness())
        case "/metrics":
            let reply = exchange.reply
            let services = services
            collect { tallies in
                reply(
                    Response(
                        status: 200, fields: [("Content-Type", PrometheusText.contentType)],
                        body: .bytes(Array(MetricsPage(services, tallies).text.utf8))))
            }
        default: exchange.answer(.error(404, "not_found", "There is nothing at this address."))
        }
    }

    func answered(_ answer: Answered) {}

    /// Beyond loopback an `ops` token is asked for.
    private func mayOperate(_ request: Request) -> Bool {
        guard let words = request.header("authorization")?.split(separator: " "), words.count == 2,
            case .granted(let grant) = services.credentials.check(
                bearer: String(words[1]), now: services.clock.now)
        else { return false }
        return grant.abilities.mayOperate
    }

    private func readiness() -> Response {
        let reasons = services.status.reasons
        var json = JSONWriter()
        json.raw("{\"ready\":")
        json.boolean(reasons.isEmpty)
        json.raw(",\"reasons\":[")
        for (index, reason) in reasons.enumerated() {
            if index > 0 { json.byte(0x2C) }
            json.string(reason)
        }
        json.raw("]}")
        return .json(json.bytes, status: reasons.isEmpty ? 200 : 503)
    }
}
