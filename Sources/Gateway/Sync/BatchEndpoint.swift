// POST /sync/batch: what a device did is written down, exactly once. docs/PROTOCOL.md § Uploads.

import Domain
import HTTP
import Lanes
import Registry

extension Reception {
    func batch(_ call: Call) {
        let grant: Grant
        switch authenticate(call) {
        case .success(let own): grant = own
        case .failure(let refused): return call.refuse(refused)
        }
        guard grant.abilities.mayWrite else { return call.refuse(.forbidden) }
        guard let desk = services.uploads else {
            return call.answer(.error(403, "uploads_off", "This gateway takes no uploads."))
        }
        do {
            let key = try IdempotencyKey.read(call.request)
            desk.take(Upload(grant: grant, key: key, body: call.request.body), answer: call.later)
        } catch {
            call.answer(
                .error(
                    400, "bad_idempotency_key", "The Idempotency-Key header has 1 to 255 visible characters."
                ))
        }
    }
}
