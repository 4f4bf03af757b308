// POST /sync/ack: the position a streaming device has stored. What retention may purge depends on it, so only
// a settled token of the device's own business counts. docs/PROTOCOL.md § Acknowledge.

import Domain
import HTTP
import Lanes
import Registry

extension Reception {
    func ack(_ call: Call) {
        let grant: Grant
        switch authenticate(call) {
        case .success(let own): grant = own
        case .failure(let refused): return call.refuse(refused)
        }
        guard let body = try? StrictJSON.parse(call.request.body) else {
            return call.answer(.error(400, "bad_json", "The body is not JSON."))
        }
        guard let text = body["sync_token"]?.string else {
            return call.refuse(.invalid("sync_token", "The sync token field is required."))
        }
        guard case .token(let token) = SyncToken.parse(text), token.isSettled,
            token.business == BusinessTag(of: grant.business)
        else {
            return call.refuse(
                .invalid("sync_token", "The sync token is not a settled token of this business."))
        }
        let answer = call.later
        services.registry.post { registry in
            do {
                try registry.acknowledge(grant, epoch: token.epoch, seq: token.pos)
                answer(Response(status: 204))
            } catch {
                answer(Refused.unavailable(retryAfterSeconds: 1).response)
            }
        }
    }
}
