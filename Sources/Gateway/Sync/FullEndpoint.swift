// GET /sync/full: everything, as a delta that replaces what the client has. docs/PROTOCOL.md, Full download.

import Domain
import HTTP
import Journal

extension Reception {
    func full(_ call: Call) {
        do {
            let grant = try authenticate(call).get()
            let scope = try scope(call, grant).get()
            let answer = call.later
            if let limit = try limit(call).get() {
                return try firstPage(scope, limit: limit, answer)
            }
            let wantsLines = call.request.header("accept")?.contains("application/x-ndjson") == true
            let form = SpoolForm(
                format: wantsLines ? .lines : .json, isCompressed: call.request.acceptsGzip)
            services.answerFull(scope, form, answer)
        } catch let refused as Refused {
            call.refuse(refused)
        } catch {
            call.refuse(.unavailable(retryAfterSeconds: 1))
        }
    }

    /// The first page of the round; `/sync/changes` continues it.
    private func firstPage(
        _ scope: Scope, limit: Int, _ answer: @Sendable @escaping (Response) -> Void
    ) throws(TooManyReads) {
        let services = services
        try services.readers.submit(.answer, .full, for: scope.business) { reader in
            do {
                let delta = try reader.firstPage(scope: scope, limit: limit)
                let body = delta.encode(nameOf: services.catalogue.name(of:)).bytes
                var response = Response.json(body, fields: [("Cache-Control", "no-store")])
                response.receipt = SyncFigures(delta)
                answer(response)
            } catch {
                answer(services.refused(error, scope: scope).response)
            }
        }
    }
}

extension Services {
    /// Answers with everything: shared with whoever else starts now.
    func answerFull(
        _ scope: Scope, _ form: SpoolForm, _ answer: @Sendable @escaping (Response) -> Void
    ) {
        let type = form.format == .json ? "application/json" : "application/x-ndjson"
        spools.spool(scope, form) { [self] result in
            switch result {
            case .success(let spool):
                var response = Response(
                    status: 200,
                    fields: [
                        ("Content-Type", type), ("Cache-Control", "no-store"),
                        ("Vary", "Accept, Accept-Encoding"),
                    ], body: .file(descriptor: spool.descriptor, length: spool.length, owner: spool))
                if form.isCompressed { response.fields.append(("Content-Encoding", "gzip")) }
                response.receipt = SyncFigures(
                    from: .zero, to: spool.summary.token.pos, records: spool.summary.recordCount)
                answer(response)
            case .failure(let error): answer(refused(error, scope: scope).response)
            }
        }
    }
}
