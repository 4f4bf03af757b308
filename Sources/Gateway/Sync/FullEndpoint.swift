// GET /sync/full: everything, as a delta that replaces what the client has. docs/PROTOCOL.md § Full download.

import Domain
import HTTP

extension Reception {
    func full(_ call: Call) {
        do {
            let grant = try authenticate(call).get()
            let scope = try scope(call, grant).get()
            let services = services
            let answer = call.later
            services.spools.spool(scope) { result in
                switch result {
                case .success(let spool):
                    answer(
                        Response(
                            status: 200,
                            fields: [("Content-Type", "application/json"), ("Cache-Control", "no-store")],
                            body: .file(descriptor: spool.descriptor, length: spool.length, owner: spool)))
                case .failure(let error): answer(services.refused(error, scope: scope).response)
                }
            }
        } catch {
            call.refuse(error)
        }
    }
}
