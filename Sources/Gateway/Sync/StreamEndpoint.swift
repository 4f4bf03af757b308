// GET /sync/stream: server-sent events. docs/PROTOCOL.md § Stream.
//
// EventSource is told from other clients by the absence of `Authorization`. For it every status but 200 is
// final, in Chromium, Firefox and WebKit alike, so whatever should come back later gets 200, `bye`, a
// `retry:` and the end; clients that send `Authorization` read statuses and get honest ones.

import Domain
import FanOut
import HTTP
import Lanes
import Registry
import Settings

extension Reception {
    func stream(_ call: Call) {
        if let ticket = call.request.target.value("ticket"), call.request.header("authorization") == nil {
            return streamByTicket(call, ticket)
        }
        do {
            let grant = try authenticate(call).get()
            let scope = try scope(call, grant).get()
            guard !services.status.isDraining else { throw Refused.unavailable(retryAfterSeconds: 2) }
            open(call, grant: grant, scope: scope, fields: [], onReady: nil)
        } catch let refused as Refused {
            call.refuse(refused)
        } catch {
            call.refuse(.unavailable(retryAfterSeconds: 1))
        }
    }

    /// The head of every stream.
    private func head(_ call: Call, _ fields: [(name: String, value: String)]) -> [UInt8] {
        let response = Response(
            status: 200,
            fields: [
                ("Content-Type", "text/event-stream; charset=utf-8"),
                ("Cache-Control", "no-cache, no-store, no-transform"), ("X-Accel-Buffering", "no"),
            ] + fields + call.rateFields + services.cors.fields(for: call.request))
        return call.exchange.head(of: response, framed: false)
    }

    private func open(
        _ call: Call, grant: Grant, scope: Scope, fields: [(name: String, value: String)],
        onReady: (@Sendable () -> Void)?
    ) {
        let request = call.request
        let head = head(call, fields)
        guard let stream = call.exchange.takeOver() else { return }
        stream.becomeLongLived(services.longLived)
        // An empty one is none: it must not hide the other, or changes would be passed over in silence.
        let presented = [request.header("last-event-id"), request.target.value("sync_token")]
            .lazy.compactMap { $0 }.first { !$0.isEmpty }
        let wanted = StreamRequest(
            identity: StreamIdentity(
                device: grant.deviceName, token: grant.token, address: call.address,
                agent: agents.shared(request.agent)),
            scope: scope, presented: presented.map { SyncToken.parse($0) },
            head: head, onReady: onReady)
        let id = services.nextStreamID()
        shard.with(stream as AnyObject) { shard, stream in
            guard let stream = stream as? any ByteStream else { return }
            shard.attach(wanted, stream: stream, id: id)
        }
    }

    // MARK: EventSource

    private func streamByTicket(_ call: Call, _ ticket: String) {
        if call.request.header("sec-fetch-site") == "cross-site" {
            guard let origin = call.request.header("origin"), services.cors.allows(origin) else {
                return call.refuse(.forbidden)
            }
        }
        guard (1...128).contains(ticket.utf8.count), let own = own else {
            return call.refuse(.unauthenticated)
        }
        let name = Registry.cookieName(of: SecretHash(of: ticket))
        let cookie = call.request.cookie(name)
        let number = hold(call)
        let services = services
        services.registry.post { registry in
            let verdict = Result { try registry.redeemTicket(ticket, cookie: cookie) }
            own.post { $0.redeemed(number, verdict) }
        }
    }

    private func redeemed(_ number: Int, _ verdict: Result<TicketVerdict, any Error>) {
        guard var call = release(number) else { return }
        switch verdict {
        case .failure: turnAway(call, .overload, retryMilliseconds: 5_000)
        case .success(.dead(let wasTold)):
            call.standing = services.rates.hit(.authentication, .at(call.address))
            if wasTold { return call.answer(Response(status: 204)) }
            turnAway(call, .credential, retryMilliseconds: 60_000)
        case .success(.honoured(let token, let cookieName, let cookie, let ticket)):
            guard
                case .granted(let grant) = services.credentials.check(token: token, now: services.clock.now),
                case .success(let scope) = scope(call, grant)
            else {
                return turnAway(call, .credential, retryMilliseconds: 60_000)
            }
            guard call.counts(towards: .continuation, of: RatePayer(grant)) else { return turnAway(call) }
            let registry = services.registry
            open(
                call, grant: grant, scope: scope, fields: [("Set-Cookie", setCookie(cookieName, cookie))],
                onReady: { registry.post { try? $0.ticketWasReady(ticket) } })
        }
    }

    /// Streams were opened too often: later, in a stream's own words.
    func turnAway(_ call: Call) {
        let now = services.clock.now.microseconds / 1_000_000
        let seconds = max(1, (call.standing?.resetSecond ?? now) - now)
        turnAway(call, .overload, retryMilliseconds: Int(seconds) * 1_000)
    }

    private func setCookie(_ name: String, _ value: Secret) -> String {
        let browser = services.configuration.browser
        let crossSite = browser.cookieSameSite == .none
        return "\(name)=\(value.revealed); Path=\(browser.cookiePath); HttpOnly; Max-Age=2592000; SameSite="
            + (crossSite ? "None; Secure; Partitioned" : browser.cookieSecure ? "Lax; Secure" : "Lax")
    }

    /// 200, `bye`, end.
    func turnAway(
        _ call: Call, _ reason: ByeReason, retryMilliseconds: Int
    ) {
        let head = head(call, [])
        guard let stream = call.exchange.takeOver() else { return }
        let answer = head + ControlEvents.bye(reason, retryMilliseconds: retryMilliseconds).bytes
        _ = stream.send(answer.span)
        stream.close()
    }
}
