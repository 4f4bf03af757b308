// A request on its way through the gateway: who asks, from where, what it counts towards, and how its answer
// is finished.

import Domain
import HTTP
import Lanes
import Registry
import Settings
import Telemetry

/// A request and the way to answer it. Lives on the loop.
struct Call {
    let request: Request
    let exchange: Exchange
    /// Where it came from: the peer, or whom a trusted proxy speaks for.
    let address: String
    /// The holder of the bearer token, if it is good.
    let grant: Grant?
    /// A well-formed token that the book does not know: another process may have made it a moment ago, or it
    /// is the application's own.
    let stranger: String?
    /// What the answer says of the rate limit.
    var standing: RateStanding?
    /// Where it goes, once that is known.
    var route: Route?
    let services: Services

    init(request: Request, exchange: Exchange, services: Services) {
        self.request = request
        self.exchange = exchange
        self.services = services
        address = services.proxies.client(of: request, peer: exchange.peerAddress)
        let bearer = request.bearer
        let verdict = bearer.map { services.credentials.check(bearer: $0, now: services.clock.now) }
        grant = if case .granted(let grant) = verdict { grant } else { nil }
        stranger = verdict == .unknown ? bearer : nil
    }

    // MARK: Limits

    /// Counts the request towards a limit. False: it is beyond.
    mutating func counts(towards group: RateGroup, of payer: RatePayer) -> Bool {
        standing = services.rates.hit(group, payer)
        return standing?.isAllowed ?? true
    }

    /// Counts the request towards a limit. False: it is answered already, with 429.
    mutating func isWithin(_ group: RateGroup, of payer: RatePayer? = nil) -> Bool {
        if counts(towards: group, of: payer ?? self.payer) { return true }
        if let standing { answer(standing.refusal(at: services.clock.now)) }
        return false
    }

    /// Counts a request that is refused whatever it asks for, so that its answer says how the window stands.
    mutating func countsAllTheSame() {
        let target = request.target
        guard Route.isAPI(target.path) else { return }
        let group = grant == nil ? nil : Route(target.path, services.catalogue)?.rateGroup(target)
        _ = counts(towards: group ?? .general, of: payer)
    }

    private var payer: RatePayer { grant.map { RatePayer($0) } ?? .at(address) }

    /// The fields that a stream's head says of its limit.
    var rateFields: [(name: String, value: String)] { standing?.fields ?? [] }

    // MARK: Answers

    func answer(_ response: Response) { exchange.answer(finish(response)) }

    func refuse(_ refused: Refused) { exchange.answer(finish(refused)) }

    /// The same from another lane, where compressing an answer blocks nobody.
    var later: @Sendable (Response) -> Void {
        let reply = exchange.reply
        let finish = finishing
        return { reply(finish($0)) }
    }

    /// The same for refusals.
    var laterRefusal: @Sendable (Refused) -> Void {
        let reply = exchange.reply
        let finish = refusing
        return { reply(finish($0)) }
    }

    private func finish(_ response: Response) -> Response { finishing(response) }
    private func finish(_ refused: Refused) -> Response { refusing(refused) }

    /// Makes of an answer what this request gets: 304 when it has it already, gzip, and the fields that every
    /// answer carries.
    var finishing: @Sendable (Response) -> Response {
        let (request, services) = (request, services)
        let fields = rateFields + services.cors.fields(for: request)
        let (receipt, business) = (receipt, grant?.business)
        return { response in
            func finished(_ response: Response) -> Response {
                var answer = response.negotiated(for: request, at: services.clock.now).adding(fields)
                answer.receipt = receipt?.with(response.receipt as? SyncFigures)
                return answer
            }
            var answer = finished(response)
            // What a POST did must be told all the same, and a HEAD is short.
            guard request.method != "GET" || answer.takePlace(among: services.answers, for: business) else {
                return finished(Refused.unavailable(retryAfterSeconds: 5).response)
            }
            return answer
        }
    }

    /// What the sync log will say of this request; nil: nothing.
    private var receipt: SyncReceipt? {
        guard let kind = route?.logKind else { return nil }
        return SyncReceipt(
            kind: kind, grant: grant, figures: SyncFigures(), address: address, agent: request.agent)
    }

    /// A refused credential counts towards its address, and is told so; beyond the limit it gets 429 instead
    /// of 401, except on a stream, which no client takes for anything but the end.
    private var refusing: @Sendable (Refused) -> Response {
        let finish = finishing
        let (request, services, address) = (request, services, address)
        let isStream = route == .stream
        return { refused in
            guard case .unauthenticated = refused,
                let failures = services.rates.hit(.authentication, .at(address))
            else { return finish(refused.response) }
            let response =
                failures.isAllowed || isStream ? refused.response : failures.refusal(at: services.clock.now)
            return response.adding(failures.fields).adding(services.cors.fields(for: request))
        }
    }
}

extension Response {
    /// What a connection holds anyway: so small an answer is not counted.
    private static let smallBytes = 16 * 1_024

    /// Counts it among the answers that wait to be taken, as long as it is one. False: they are too many.
    fileprivate mutating func takePlace(
        among answers: ByteShares<BusinessID?>, for business: BusinessID?
    ) -> Bool {
        guard case .bytes(let bytes) = body, bytes.count > Self.smallBytes else { return true }
        let share = ByteShare(of: answers, for: business)
        if let bound = share.grow(by: bytes.count) {
            Limit.met.add(bound == .all ? .answersSize : .answersSizePerBusiness)
            return false
        }
        place = share
        return true
    }

    func adding(_ more: [(name: String, value: String)]) -> Response {
        var response = self
        for field in more {
            if field.name == "Vary" { response.vary(on: field.value) } else { response.fields.append(field) }
        }
        return response
    }
}

extension Request {
    /// What the client calls itself, as far as it is worth keeping.
    var agent: String { String((header("user-agent") ?? "").prefix(200)) }

    /// What stands behind `Bearer`.
    var bearer: String? {
        guard let words = header("authorization")?.split(separator: " "), words.count == 2,
            words[0].lowercased() == "bearer"
        else { return nil }
        return String(words[1])
    }

    /// The value of a cookie, if the client sent exactly that name.
    func cookie(_ name: String) -> String? {
        for field in fields where field.name == "cookie" {
            for pair in field.value.split(separator: ";") {
                let pair = pair.drop { $0 == " " }
                guard let equals = pair.firstIndex(of: "="), pair[..<equals] == name else { continue }
                return String(pair[pair.index(after: equals)...])
            }
        }
        return nil
    }
}
