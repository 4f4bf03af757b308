// GET /sync/changes: the delta after a token, for clients that poll. docs/PROTOCOL.md § Changes.

import Domain
import HTTP
import Journal
import Settings

extension Reception {
    func changes(_ call: Call) {
        do {
            let grant = try authenticate(call).get()
            let scope = try scope(call, grant).get()
            let limit = try limit(call).get()
            if let text = call.request.target.value("sync_token") {
                try changes(call, after: text, scope: scope, limit: limit).get()
            } else {
                throw Refused.invalid(
                    "sync_token", "The sync token field is required when since is not present.")
            }
        } catch let refused as Refused {
            call.refuse(refused)
        } catch {
            call.refuse(.unavailable(retryAfterSeconds: 1))
        }
    }

    private func changes(_ call: Call, after text: String, scope: Scope, limit: Int) -> Result<Void, Refused>
    {
        let services = services
        guard case .token(let token) = SyncToken.parse(text) else {
            return .failure(services.refused(Refusal(.unknown), scope: scope))
        }
        let answer = call.later
        do {
            try services.readers.submit(.answer) { reader in
                do {
                    let delta = try reader.page(after: token, scope: scope, limit: limit)
                    let body = delta.encode(nameOf: services.catalogue.name(of:))
                    answer(.json(body, fields: [("Cache-Control", "private, no-cache")]))
                } catch {
                    answer(services.refused(error, scope: scope).response)
                }
            }
            return .success(())
        } catch {
            return .failure(.unavailable(retryAfterSeconds: 1))
        }
    }

    /// Records in one answer.
    private func limit(_ call: Call) -> Result<Int, Refused> {
        let pages = services.configuration.pages
        guard let text = call.request.target.value("limit") else { return .success(pages.defaultRecords) }
        guard let limit = Int(text), String(limit) == text, (1...pages.maxRecords).contains(limit) else {
            return .failure(.invalid("limit", "The limit must be between 1 and \(pages.maxRecords)."))
        }
        return .success(limit)
    }
}
