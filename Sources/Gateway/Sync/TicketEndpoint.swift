// POST /sync/ticket: a single-use way in for EventSource. docs/PROTOCOL.md § Tickets.

import Domain
import HTTP
import Lanes
import Registry
import Settings

extension Reception {
    func ticket(_ call: Call) {
        let grant: Grant
        switch authenticate(call) {
        case .success(let own): grant = own
        case .failure(let refused): return call.refuse(refused)
        }
        let answer = call.later
        let services = services
        let lifetime = services.configuration.credentials.ticketLifetime.wholeSeconds
        let bound = services.configuration.credentials.reconnectLifetime.wholeSeconds
        services.registry.post { registry in
            do {
                let ticket = try registry.issueTicket(
                    grant, lifetimeSeconds: Int64(lifetime), boundSeconds: Int64(bound))
                var json = JSONWriter()
                json.raw("{\"ticket\":")
                json.string(ticket.revealed)
                json.raw(",\"expires_in\":")
                json.integer(lifetime)
                json.raw(",\"url\":")
                json.string(services.url("/sync/stream?ticket=\(ticket.revealed)"))
                json.byte(0x7D)
                answer(.json(json.bytes, fields: [("Cache-Control", "no-store")]))
            } catch {
                answer(Refused.unavailable(retryAfterSeconds: 1).response)
            }
        }
    }
}
