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
            open(call.exchange, request: call.request, grant: grant, scope: scope, fields: [], onReady: nil)
        } catch let refused as Refused {
            call.refuse(refused)
        } catch {
            call.refuse(.unavailable(retryAfterSeconds: 1))
        }
    }

    /// The head of every stream.
    private func head(
        _ exchange: Exchange, _ request: Request, _ fields: [(name: String, value: String)]
    ) -> [UInt8] {
        let response = Response(
            status: 200,
            fields: [
                ("Content-Type", "text/event-stream; charset=utf-8"),
                ("Cache-Control", "no-cache, no-store, no-transform"), ("X-Accel-Buffering", "no"),
            ] + fields + services.cors.fields(for: request))
        return exchange.head(of: response, framed: false)
    }

    private func open(
        _ exchange: Exchange, request: Request, grant: Grant, scope: Scope,
        fields: [(name: String, value: String)], onReady: (@Sendable () -> Void)?
    ) {
        let head = head(exchange, request, fields)
        guard let stream = exchange.takeOver() else { return }
        stream.becomeLongLived(services.longLived)
        let presented = request.header("last-event-id") ?? request.target.value("sync_token")
        let wanted = StreamRequest(
            identity: StreamIdentity(
                device: grant.deviceName, token: grant.token, business: grant.business,
                address: exchange.peerAddress, agent: String((request.header("user-agent") ?? "").prefix(200))
            ),
            entities: scope.entities, presented: presented.flatMap { $0.isEmpty ? nil : SyncToken.parse($0) },
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
        guard ticket.utf8.count <= 128, let own = own else { return call.refuse(.unauthenticated) }
        let name = Registry.cookieName(of: SecretHash(of: ticket))
        let cookie = call.request.cookie(name)
        let number = hold(call.exchange)
        let request = call.request
        let services = services
        services.registry.post { registry in
            let verdict = Result { try registry.redeemTicket(ticket, cookie: cookie) }
            own.post { $0.redeemed(number, request, verdict) }
        }
    }

    private func redeemed(_ number: Int, _ request: Request, _ verdict: Result<TicketVerdict, any Error>) {
        guard let exchange = release(number) else { return }
        switch verdict {
        case .failure: turnAway(exchange, request, .overload, retryMilliseconds: 5_000)
        case .success(.dead(let wasTold)):
            if wasTold { return exchange.answer(Response(status: 204)) }
            turnAway(exchange, request, .credential, retryMilliseconds: 60_000)
        case .success(.honoured(let token, let cookieName, let cookie, let ticket)):
            guard case .granted(let grant) = services.credentials.check(token: token, now: services.clock.now)
            else {
                return turnAway(exchange, request, .credential, retryMilliseconds: 60_000)
            }
            let call = Call(request: request, exchange: exchange, services: services)
            switch scope(call, grant) {
            case .failure: turnAway(exchange, request, .credential, retryMilliseconds: 60_000)
            case .success(let scope):
                let registry = services.registry
                open(
                    exchange, request: request, grant: grant, scope: scope,
                    fields: [("Set-Cookie", setCookie(cookieName, cookie))],
                    onReady: { registry.post { try? $0.ticketWasReady(ticket) } })
            }
        }
    }

    private func setCookie(_ name: String, _ value: Secret) -> String {
        let browser = services.configuration.browser
        let crossSite = browser.cookieSameSite == .none
        return "\(name)=\(value.revealed); Path=\(browser.cookiePath); HttpOnly; Max-Age=2592000; SameSite="
            + (crossSite ? "None; Secure; Partitioned" : browser.cookieSecure ? "Lax; Secure" : "Lax")
    }

    /// 200, `bye`, end.
    func turnAway(
        _ exchange: Exchange, _ request: Request, _ reason: ByeReason, retryMilliseconds: Int
    ) {
        let head = head(exchange, request, [])
        guard let stream = exchange.takeOver() else { return }
        let answer = head + ControlEvents.bye(reason, retryMilliseconds: retryMilliseconds).bytes
        _ = stream.send(answer.span)
        stream.close()
    }
}

extension Request {
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
