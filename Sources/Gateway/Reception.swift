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
    /// Calls whose answer waits for another lane, where more than an answer is done with them.
    private var waiting: [Int: Call] = [:]
    private var nextNumber = 0
    private lazy var overload = Overload(self)
    private(set) var counts = RequestCounts()
    /// The tills of a fleet have few different programs.
    var agents = SharedTexts()
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
        let call = Call(request: request, exchange: exchange, services: services)
        if let stranger = call.stranger { return askRegistry(stranger, call) }
        route(call)
    }

    /// The registry reads what other processes made; then the token is judged again.
    private func askRegistry(_ bearer: String, _ call: Call) {
        guard let own else { return }
        let number = hold(call)
        let services = services
        services.registry.post { registry in
            do {
                try registry.check(meeting: bearer)
            } catch {
                services.status.registry(failure: "\(error)")
            }
            own.post { reception in
                guard let call = reception.release(number) else { return }
                reception.route(Call(request: call.request, exchange: call.exchange, services: call.services))
            }
        }
    }

    private func route(_ call: Call) {
        var call = call
        let path = call.request.target.path
        if let preflight = services.cors.preflight(call.request) { return call.answer(preflight) }
        guard let route = Route(path, services.catalogue) else {
            if Route.isAPI(path), !call.isWithin(.general) { return }
            return call.answer(.error(404, "not_found", "There is nothing at this address."))
        }
        guard route.methods.contains(call.request.method) else { return refuseMethod(call, route) }
        call.route = route
        // Without a good token nothing is counted yet: the endpoint refuses, and that is what counts.
        if let grant = call.grant, let group = route.rateGroup(call.request.target) {
            if route == .stream {
                guard call.counts(towards: group, of: RatePayer(grant)) else { return turnAway(call) }
            } else {
                guard call.isWithin(group, of: RatePayer(grant)) else { return }
            }
        }
        dispatch(call, route)
    }

    private func refuseMethod(_ call: Call, _ route: Route) {
        var call = call
        let allowed = (route.methods + ["OPTIONS"]).joined(separator: ", ")
        if call.request.method == "OPTIONS" {
            return call.answer(Response(status: 204, fields: [("Allow", allowed)]))
        }
        if Route.isAPI(call.request.target.path), !call.isWithin(.general) { return }
        call.answer(
            .error(
                405, "method_not_allowed", "The \(call.request.method) method is not supported here.",
                fields: [("Allow", allowed)]))
    }

    private func dispatch(_ call: Call, _ route: Route) {
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
        case .record(let entity, let id): record(call, entity, id)
        case .page(let found): page(call, found)
        }
    }

    func refusal(_ response: Response, of head: Request, on exchange: Exchange) -> Response {
        var call = Call(request: head, exchange: exchange, services: services)
        call.countsAllTheSame()
        return call.finishing(response)
    }

    func answered(_ answer: Answered) {
        counts.answers[answer.status, default: 0] += 1
        if let receipt = answer.receipt as? SyncReceipt { services.syncLog.add(receipt, answer) }
        guard services.log.logLevel <= .debug else { return }
        services.log.debug(
            "answered",
            metadata: [
                "method": "\(answer.request?.method ?? "-")", "path": "\(answer.request?.target.path ?? "-")",
                "status": "\(answer.status)", "bytes": "\(answer.bytes)",
            ])
    }

    // MARK: Exchanges that wait

    /// Keeps a call until another lane has said what becomes of it.
    func hold(_ call: Call) -> Int {
        nextNumber += 1
        waiting[nextNumber] = call
        return nextNumber
    }

    func release(_ number: Int) -> Call? { waiting.removeValue(forKey: number) }

    // MARK: Who is asking

    /// The holder of the bearer token, or the answer to whoever is not.
    func authenticate(_ call: Call) -> Result<Grant, Refused> {
        call.grant.map { .success($0) } ?? .failure(.unauthenticated)
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
