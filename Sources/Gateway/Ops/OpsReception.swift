// The admin listener's answers. Loopback by default; beyond it, everything but health and the bare page asks
// for a token with the ability `ops`.
//
// Figures are asked of every loop in one post each and put together on a lane of their own, so that neither a
// scrape nor an operator's list costs a loop more than its own part of the counting.

import Domain
import FanOut
import Glibc
import HTTP
import Journal
import Lanes
import Logging
import Registry
import Settings
import Telemetry

/// Answers the admin listener's requests. Lives on its loop.
final class OpsReception: Responder {
    /// Collects the tallies of all loops; calls back from any lane.
    typealias Collect = @Sendable (@Sendable @escaping (Tallies) -> Void) -> Void

    private let services: Services
    private let fleet: Fleet
    private let collect: Collect
    private let lane: any TimedLane
    /// Where answers are put together.
    private let desk: WorkerLane
    private let stamp: AnswerStamp
    private let settings: ExchangeSettings
    private let door: OpsGuard
    private var openFeeds = 0

    init(
        services: Services, fleet: Fleet, lane: any TimedLane, desk: WorkerLane, isLoopback: Bool,
        collect: @escaping Collect
    ) {
        self.services = services
        self.fleet = fleet
        self.lane = lane
        self.desk = desk
        self.collect = collect
        door = OpsGuard(isLoopback: isLoopback)
        stamp = AnswerStamp(clock: services.clock, prefix: "ops")
        settings = services.exchanges
    }

    func accept(_ stream: any ByteStream) {
        _ = Exchange(stream: stream, lane: lane, settings: settings, responder: self, stamp: stamp)
    }

    func answered(_ answer: Answered) {}

    func respond(to request: Request, on exchange: Exchange) {
        if let complaint = door.complaint(about: request) {
            return exchange.answer(.error(403, "forbidden", complaint))
        }
        guard let route = OpsRoute(rawValue: request.target.path) else {
            return exchange.answer(.error(404, "not_found", "There is nothing at this address."))
        }
        guard route.methods.contains(request.method) else {
            return exchange.answer(
                .error(
                    405, "method_not_allowed", "The \(request.method) method is not supported here.",
                    fields: [("Allow", route.methods.joined(separator: ", "))]))
        }
        guard route.isOpen || door.isLoopback || mayOperate(request) else {
            return exchange.answer(Refused.unauthenticated.response)
        }
        switch route {
        case .page: exchange.answer(page)
        case .health: exchange.answer(.json(Array(#"{"status":"ok"}"#.utf8)))
        case .readiness: exchange.answer(readiness())
        case .metrics: metrics(exchange.reply)
        case .businessMetrics: businessMetrics(exchange.reply)
        case .connections: connections(request, exchange)
        case .disconnect: disconnect(request, exchange)
        case .devices: devices(request, exchange)
        case .drain: drain(request, exchange)
        case .configuration: exchange.answer(shownSettings)
        case .feed: feed(exchange)
        }
    }

    /// Beyond loopback an `ops` token is asked for.
    private func mayOperate(_ request: Request) -> Bool {
        guard let words = request.header("authorization")?.split(separator: " "), words.count == 2,
            case .granted(let grant) = services.credentials.check(
                bearer: String(words[1]), now: services.clock.now)
        else { return false }
        return grant.abilities.mayOperate
    }

    // MARK: Pages

    private var page: Response {
        Response(
            status: 200,
            fields: [
                ("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-cache"),
                (
                    "Content-Security-Policy",
                    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                        + "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
                ), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
            ], body: .bytes(PackageResources.ops_html))
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

    private var shownSettings: Response {
        let configuration = services.configuration
        return .encoded(services.settingsShown.map { $0.asOf(configuration) })
    }

    private func metrics(_ reply: Reply) {
        let services = services
        let desk = desk
        collect { tallies in
            desk.post { reply(.prometheus(MetricsPage(services, tallies).text)) }
        }
    }

    private func businessMetrics(_ reply: Reply) {
        let desk = desk
        fleet.ask {
            $0.businesses()
        } done: { parts in
            desk.post { reply(.prometheus(BusinessMetricsPage(parts).text)) }
        }
    }

    private func feed(_ exchange: Exchange) {
        guard openFeeds < OpsFeed.pagesMax else {
            return exchange.answer(Refused.unavailable(retryAfterSeconds: 5).response)
        }
        let head = exchange.head(
            of: Response(
                status: 200,
                fields: [
                    ("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-store"),
                ]), framed: false)
        guard let stream = exchange.takeOver() else { return }
        openFeeds += 1
        let services = services
        let desk = desk
        let collect = collect
        _ = OpsFeed(stream: stream, lane: lane, head: head) { done in
            collect { tallies in desk.post { done(FeedAnswer(services, tallies).event) } }
        } onEnd: { [weak self] in
            self?.openFeeds -= 1
        }
    }

    // MARK: Streams and devices

    private func connections(_ request: Request, _ exchange: Exchange) {
        var asked = OpsQuery(request)
        let (query, offset) = asked.streams()
        guard asked.failures.isEmpty else { return exchange.answer(.invalid(asked.failures)) }
        let reply = exchange.reply
        let desk = desk
        fleet.ask {
            $0.report(query)
        } done: { parts in
            desk.post {
                reply(
                    .encoded(
                        ConnectionsAnswer(StreamReports(joining: parts, by: query), offset: offset)))
            }
        }
    }

    private func disconnect(_ request: Request, _ exchange: Exchange) {
        guard let body = try? StrictJSON.parse(request.body) else {
            return exchange.answer(.error(400, "bad_json", "The body is not JSON."))
        }
        guard let query = StreamQuery(disconnecting: body) else {
            return exchange.answer(
                .invalid([("stream", "Name a stream, a device, or a business.")]))
        }
        let reply = exchange.reply
        let log = services.log
        fleet.ask {
            $0.disconnect(query)
        } done: { counts in
            let count = counts.reduce(0, +)
            log.notice("streams disconnected by an operator", metadata: ["streams": "\(count)"])
            reply(.encoded(DisconnectAnswer(disconnected: count)))
        }
    }

    private func devices(_ request: Request, _ exchange: Exchange) {
        var asked = OpsQuery(request)
        let query = asked.devices()
        guard asked.failures.isEmpty else { return exchange.answer(.invalid(asked.failures)) }
        let reply = exchange.reply
        let services = services
        let desk = desk
        fleet.ask {
            $0.streamsByDevice()
        } done: { parts in
            services.registry.post { registry in
                guard let head = services.status.tailer.head, let records = try? registry.devices(of: nil)
                else { return reply(Refused.unavailable(retryAfterSeconds: 1).response) }
                desk.post {
                    let open = parts.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
                    reply(.encoded(DevicesAnswer(records, head: head, query: query, open: open)))
                }
            }
        }
    }

    // MARK: Leaving

    /// POST does what SIGTERM does, by SIGTERM; GET says how far it is.
    private func drain(_ request: Request, _ exchange: Exchange) {
        let isStarting = request.method == "POST" && !services.status.isDraining
        exchange.answer(
            .encoded(
                DrainAnswer(
                    draining: isStarting || services.status.isDraining, streams: services.roster.total),
                status: request.method == "POST" ? 202 : 200))
        if isStarting { kill(getpid(), SIGTERM) }
    }
}

extension Response {
    static func prometheus(_ text: String) -> Response {
        Response(
            status: 200, fields: [("Content-Type", PrometheusText.contentType)],
            body: .bytes(Array(text.utf8)))
    }
}
