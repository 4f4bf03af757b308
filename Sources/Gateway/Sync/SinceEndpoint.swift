// GET /sync/changes?since=: the delta after a time, for clients that keep no token. docs/PROTOCOL.md, since.
//
// A time becomes a position by what was observed to be committed before it, so nothing is missed and up to a
// second's changes come again. What cannot be told by changes is told in full: `since=` never answers 410.

import Domain
import HTTP
import Journal
import Lanes
import Settings

extension Reception {
    /// How much a till's clock may be ahead of ours, when it makes up times of its own.
    private static let clockTolerance = Duration.seconds(5)

    func changes(_ call: Call, since text: String, scope: Scope, limit: Int?) throws {
        guard let time = Timestamp(rfc3339: text) else {
            throw Refused.invalid("since", "The since is not a valid date.")
        }
        let services = services
        let answer = call.later
        let form = SpoolForm(format: .json, isCompressed: call.request.acceptsGzip)
        // A time that has not come yet was told by a clock that was set back since: nothing is known of it.
        guard time <= services.clock.now + Self.clockTolerance,
            let head = services.observations.head(at: time)
        else {
            return services.answerFull(scope, form, answer)
        }
        try services.readers.submit(.answer, .since, for: scope.business) { reader in
            do {
                if let delta = try services.delta(after: head, scope: scope, limit: limit, reader) {
                    let body = delta.encode(nameOf: services.catalogue.name(of:)).bytes
                    var response = Response.json(body, fields: [("Cache-Control", "private, no-cache")])
                    response.receipt = SyncFigures(delta)
                    answer(response)
                } else {
                    services.answerFull(scope, form, answer)
                }
            } catch {
                answer(services.refused(error, scope: scope).response)
            }
        }
    }
}

extension Services {
    /// What came after an observation; nil when it has to be told in full.
    ///
    /// A page's `server_timestamp` is the last observation it delivers whole, so that a client which goes on
    /// from there misses nothing; a page that would deliver none is as long as it takes to deliver one.
    fileprivate func delta(
        after head: Head, scope: Scope, limit: Int?, _ reader: any StateReader
    ) throws -> Delta? {
        let token = head.token(for: scope, generation: catalogue.generation)
        let most = configuration.pages.maxRecords
        let isPaged = limit != nil
        var limit = limit ?? most
        do {
            while true {
                var delta = try reader.page(after: token, scope: scope, limit: limit)
                guard delta.hasMore else { return delta }
                if isPaged, let time = observations.time(coveredBy: delta.to),
                    let reached = observations.head(at: time), reached.seq > head.seq
                {
                    delta.serverTime = time
                    return delta
                }
                guard limit < most else { return nil }
                limit = most
            }
        } catch is Refusal {
            return nil
        }
    }
}
