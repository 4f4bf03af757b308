// Where requests arrive: one reception a loop. It finds the endpoint, knows who is asking, and sends the
// answer; each endpoint is a file of its own under Sync/.

import Domain
import FanOut
import HTTP
import Lanes
import Logging
import Registry
import Settings

/// Answers the public listener's requests. Lives on its loop.
final class Reception: Responder {
    let services: Services
    let shard: Confined<Shard>
    let lane: any TimedLane
    let index: Int
    private let stamp: AnswerStamp
    private let settings: ExchangeSettings
    /// Exchanges whose answer waits for another lane, where more than an answer is done with them.
    private var waiting: [Int: Exchange] = [:]
    private var nextNumber = 0
    private lazy var overload = Overload(self)
    private(set) var counts = RequestCounts()
    /// Itself, for answers from other lanes. Set once, at start.
    var own: Confined<Reception>?

    init(services: Services, shard: Confined<Shard>, lane: any TimedLane, index: Int, prefix: String) {
        self.services = services
        self.shard = shard
        self.lane = lane
        self.index = index
        stamp = AnswerStamp(clock: services.clock, prefix: prefix)
        settings = services.exchanges
    }

    /// A new connection.
    func accept(_ stream: any ByteStream) {
        counts.connections += 1
        _ = Exchange(stream: stream, lane: lane, settings: settings, responder: self, stamp: stamp)
    }

    /// A connection for which there is no place.
    func acceptBeyondLimit(_ stream: any ByteStream) {
        _ = Exchange(stream: stream, lane: lane, settings: settings, responder: overload, stamp: stamp)
    }

    // MARK: Responder

    func respond(to request: Request, on exchange: Exchange) {
        if let stranger = stranger(request) { return askRegistry(stranger, request, exchange) }
        route(request, exchange)
    }

    /// A well-formed token that the book does not know: it may have been made a moment ago by another
    /// process, or be the application's own.
    private func stranger(_ request: Request) -> String? {
        guard let bearer = bearer(request),
            services.credentials.isStranger(bearer, now: services.clock.now)
        else { return nil }
        return bearer
    }

    private func askRegistry(_ bearer: String, _ request: Request, _ exchange: Exchange) {
        guard let own else { return }
        let number = hold(exchange)
        let services = services
        services.registry.post { registry in
            do {
                try registry.check(meeting: bearer)
            } catch {
                services.status.registry(failure: "\(error)")
            }
            own.post { reception in
                guard let exchange = reception.release(number) else { return }
                reception.route(request, exchange)
            }
        }
    }

    private func route(_ request: Request, _ exchange: Exchange) {
        let call = Call(request: request, exchange: exchange, services: services)
        if let preflight = services.cors.preflight(request) { return call.answer(preflight) }
        guard let route = Route(path: request.target.path) else {
            return call.answer(.error(404, "not_found", "There is nothing at this address."))
        }
        guard route.methods.contains(request.method) else {
            let allowed = (route.methods + ["OPTIONS"]).joined(separator: ", ")
            if request.method == "OPTIONS" {
                return call.answer(Response(status: 204, fields: [("Allow", allowed)]))
            }
            return call.answer(
                .error(
                    405, "method_not_allowed", "The \(request.method) method is not supported here.",
                    fields: [("Allow", allowed)]))
        }
        switch route {
        case .register: register(call)
        case .full: full(call)
        case .changes: changes(call)
        case .stream: stream(call)
        case .ticket: ticket(call)
        case .ack: ack(call)
        case .digest: digest(call)
        case .records: records(call)
        case .batch: batch(call)
        case .page(let found): page(call, found)
        }
    }

    func answered(_ request: Request?, status: Int, bytes: Int) {
        counts.answers[status, default: 0] += 1
        guard services.log.logLevel <= .debug else { return }
        services.log.debug(
            "answered",
            metadata: [
                "method": "\(request?.method ?? "-")", "path": "\(request?.target.path ?? "-")",
                "status": "\(status)", "bytes": "\(bytes)",
            ])
    }

    // MARK: Exchanges that wait

    /// Keeps an exchange until another lane has said what becomes of it.
    func hold(_ exchange: Exchange) -> Int {
        nextNumber += 1
        waiting[nextNumber] = exchange
        return nextNumber
    }

    func release(_ number: Int) -> Exchange? { waiting.removeValue(forKey: number) }

    // MARK: Who is asking

    /// The holder of the bearer token, or the answer to whoever is not.
    func authenticate(_ call: Call) -> Result<Grant, Refused> {
        guard let bearer = bearer(call.request) else { return .failure(.unauthenticated) }
        switch services.credentials.check(bearer: bearer, now: services.clock.now) {
        case .granted(let grant): return .success(grant)
        case .malformed, .unknown, .expired, .revoked: return .failure(.unauthenticated)
        }
    }

    private func bearer(_ request: Request) -> String? {
        guard let words = request.header("authorization")?.split(separator: " "), words.count == 2,
            words[0].lowercased() == "bearer"
        else { return nil }
        return String(words[1])
    }

    /// The entities asked for, as far as the grant reads them.
    func scope(_ call: Call, _ grant: Grant) -> Result<Scope, Refused> {
        let catalogue = services.catalogue
        func mayRead(_ number: EntityNumber) -> Bool { grant.abilities.mayRead(catalogue.name(of: number)) }
        guard let text = call.request.target.value("entities") else {
            let readable = EntitySet(catalogue.defaultSet.filter(mayRead))
            guard !readable.isEmpty else { return .failure(.forbidden) }
            return .success(Scope(business: grant.business, entities: readable))
        }
        var asked = EntitySet()
        for name in text.split(separator: ",") {
            guard let number = EntityName(String(name)).flatMap(catalogue.number(named:)) else {
                return .failure(
                    .invalid("entities", "The selected entities are invalid: there is no such entity."))
            }
            guard mayRead(number) else { return .failure(.forbidden) }
            asked.insert(number)
        }
        guard !asked.isEmpty else {
            return .failure(.invalid("entities", "The entities field must name at least one entity."))
        }
        return .success(Scope(business: grant.business, entities: asked))
    }
}

/// What a loop's reception has answered. A value.
struct RequestCounts: Sendable {
    var connections = 0
    var answers: [Int: Int] = [:]
}

/// A request and the way to answer it. Lives on the loop.
struct Call {
    let request: Request
    let exchange: Exchange
    private let services: Services

    init(request: Request, exchange: Exchange, services: Services) {
        self.request = request
        self.exchange = exchange
        self.services = services
    }

    func answer(_ response: Response) { exchange.answer(response.adding(services.cors.fields(for: request))) }

    func refuse(_ refused: Refused) { answer(refused.response) }

    /// The same from another lane.
    var later: @Sendable (Response) -> Void {
        let reply = exchange.reply
        let fields = services.cors.fields(for: request)
        return { reply($0.adding(fields)) }
    }
}

extension Response {
    func adding(_ more: [(name: String, value: String)]) -> Response {
        var response = self
        response.fields += more
        return response
    }
}
