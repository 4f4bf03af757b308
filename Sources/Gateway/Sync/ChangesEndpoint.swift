// GET /sync/changes: the delta after a token, for clients that poll; with `wait=` it waits for one.
// docs/PROTOCOL.md § Changes. After a time: SinceEndpoint.swift.

import Domain
import FanOut
import HTTP
import Journal
import Lanes
import Registry
import Settings
import Synchronization

/// A poll by token. A value.
struct Poll: Sendable {
    let token: SyncToken
    let scope: Scope
    let limit: Int
    /// Until when it waits for a change; nil: it does not.
    let waitsUntil: ContinuousClock.Instant?
    /// Whose it is.
    let grant: Grant
    /// Up to where nothing came, as far as a poll that waits has read; nil: it has not.
    var quietThrough: Seq?
    /// The same as text: one answered wait each two seconds.
    var device: String { "\(grant.business)/\(grant.deviceName)" }

    func quiet(through position: Seq) -> Poll {
        var poll = self
        poll.quietThrough = position
        return poll
    }

    /// Of the delta after this token, as it is now.
    func tag(of delta: Delta) -> EntityTag {
        // Nothing relevant came: the same answer, wherever the journal's head has got to meanwhile.
        let last = delta.recordCount == 0 ? token.pos : delta.to
        return EntityTag("\(token.text).\(last.rawValue)", isWeak: true)
    }
}

extension Reception {
    func changes(_ call: Call) {
        do {
            let grant = try authenticate(call).get()
            let scope = try scope(call, grant).get()
            let limit = try limit(call).get()
            let target = call.request.target
            if let text = target.value("sync_token") {
                guard case .token(let token) = SyncToken.parse(text) else {
                    throw services.refused(Refusal(.unknown), scope: scope)
                }
                let wait = try wait(call).get()
                let poll = Poll(
                    token: token, scope: scope, limit: limit ?? services.configuration.pages.defaultRecords,
                    waitsUntil: wait > 0 ? .now + .seconds(wait) : nil, grant: grant)
                if wait > 0 { return waitForChange(poll, hold(call), call.finishing) }
                let (services, answer) = (services, call.later)
                services.read(poll) { answer(services.response(to: poll, $0)) }
            } else if let text = target.value("since") {
                try changes(call, since: text, scope: scope, limit: limit)
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

    /// Records in one answer; nil when the client names no limit.
    func limit(_ call: Call) -> Result<Int?, Refused> {
        let pages = services.configuration.pages
        guard let text = call.request.target.value("limit") else { return .success(nil) }
        guard let limit = Int(text), String(limit) == text, (1...pages.maxRecords).contains(limit) else {
            return .failure(.invalid("limit", "The limit must be between 1 and \(pages.maxRecords)."))
        }
        return .success(limit)
    }

    // MARK: Waiting

    /// Seconds to wait for a change.
    private func wait(_ call: Call) -> Result<Int, Refused> {
        guard let text = call.request.target.value("wait") else { return .success(0) }
        guard let seconds = Int(text), String(seconds) == text, (0...60).contains(seconds) else {
            return .failure(.invalid("wait", "The wait must be between 0 and 60."))
        }
        return .success(seconds)
    }

    /// Reads; and again whenever something may have come, until there is an answer or the time is up.
    ///
    /// - Parameter finish: Makes the call's answer, on the reader's lane where that may take its time.
    private func waitForChange(
        _ poll: Poll, _ number: Int, _ finish: @escaping @Sendable (Response) -> Response
    ) {
        guard let own else { return }
        let services = services
        services.read(poll) { result in
            // A whole shop was woken by one change: whoever has waited so long can wait for its turn.
            if case .failure(is TooManyReads) = result {
                return own.post { reception in
                    _ = reception.lane.after(.milliseconds(Int.random(in: 20...200))) {
                        own.post { $0.waitForChange(poll, number, finish) }
                    }
                }
            }
            let answer = finish(services.response(to: poll, result))
            own.post { $0.waited(poll, number, finish, try? result.get(), answer) }
        }
    }

    /// - Parameter delta: Nil: it could not be read, and `answer` says why.
    private func waited(
        _ poll: Poll, _ number: Int, _ finish: @escaping @Sendable (Response) -> Response, _ delta: Delta?,
        _ answer: Response
    ) {
        guard let own else { return }
        if poll.waitsUntil != nil, !isGood(poll.grant) {
            release(number)?.refuse(.unauthenticated)
            return
        }
        let now = ContinuousClock.now
        let left = (poll.waitsUntil ?? now) - now
        let isOver = left <= .zero || services.status.isDraining
        if let delta, !delta.hasMore, !isOver {
            if delta.recordCount == 0 {
                let poll = poll.quiet(through: delta.to)
                shard.with { shard in
                    shard.wait(
                        for: poll.scope, beyond: delta.to, seconds: Int(left.components.seconds) + 1
                    ) {
                        own.post { $0.waitForChange(poll, number, finish) }
                    }
                }
                return
            }
            // A busy shop's till is told every two seconds, with all that came, not once for every change.
            let pause = services.waitPace.pause(for: poll.device, at: now)
            if pause > .zero {
                _ = lane.after(pause) { own.post { $0.waitForChange(poll, number, finish) } }
                return
            }
        }
        release(number)?.exchange.answer(answer)
    }

    /// Whether it was not revoked while its holder waited.
    private func isGood(_ grant: Grant) -> Bool {
        services.credentials.check(token: grant.token, now: services.clock.now) == .granted(grant)
    }
}

extension SyncFigures {
    init(_ delta: Delta) {
        self.init(from: delta.from, to: delta.to, records: delta.recordCount)
    }
}

extension Services {
    /// Reads what came after a poll's token.
    ///
    /// - Parameter completion: Called once: from a reader's lane, or at once when there are too many reads.
    fileprivate func read(
        _ poll: Poll, completion: @escaping @Sendable (Result<Delta, any Error>) -> Void
    ) {
        if isBacklog(poll) {
            return readers.page(
                after: poll.token, scope: poll.scope, limit: poll.limit, completion: completion)
        }
        do {
            try readers.submit(.answer, .changes, for: poll.scope.business) { [self] reader in
                let page = Result { try reader.page(after: poll.token, scope: poll.scope, limit: poll.limit) }
                if poll.waitsUntil != nil, case .success(let delta) = page {
                    readers.spend(delta.recordCount)
                }
                completion(page)
            }
        } catch {
            completion(.failure(error))
        }
    }

    /// What may be asked six hundred times a minute, and may hold many records: further pages, and waits from
    /// far behind. They are read in turn with the streams that catch up, within their budget of records a
    /// second. Waits from close by are charged to it, and wait for nobody.
    private func isBacklog(_ poll: Poll) -> Bool {
        guard poll.token.isSettled else { return true }
        guard poll.waitsUntil != nil, let head = status.tailer.head else { return false }
        let position = poll.quietThrough ?? poll.token.pos
        return head.seq.rawValue - position.rawValue > Int64(configuration.pages.frameMaxRecords)
    }

    /// A device that polls has stored what its settled token says. Only a token that was answered counts.
    private func acknowledge(_ poll: Poll) {
        guard poll.token.isSettled, poll.grant.device != nil else { return }
        registry.post { registry in
            try? registry.acknowledge(poll.grant, epoch: poll.token.epoch, seq: poll.token.pos)
        }
    }

    fileprivate func response(to poll: Poll, _ result: Result<Delta, any Error>) -> Response {
        switch result {
        case .failure(let error): return refused(error, scope: poll.scope).response
        case .success(let delta):
            acknowledge(poll)
            var response = Response.json(
                delta.encode(nameOf: catalogue.name(of:)).bytes,
                fields: [("Cache-Control", "private, no-cache")])
            response.receipt = SyncFigures(delta)
            let tag = poll.tag(of: delta)
            if delta.recordCount == 0, !delta.hasMore {
                response.validators = Validators(tag: tag)
            } else {
                // Never 304: the client would miss what the answer holds.
                response.fields.append(("ETag", tag.description))
            }
            return response
        }
    }
}

/// When each device's poll that waits was last answered by a change. From any lane.
final class WaitPace: Sendable {
    private static let pace = Duration.seconds(2)
    private let answered = Mutex<[String: ContinuousClock.Instant]>([:])

    /// Zero: it may be answered now, and is noted. Otherwise how long it has to wait yet.
    func pause(for device: String, at now: ContinuousClock.Instant) -> Duration {
        answered.withLock { answered in
            if let last = answered[device], now - last < Self.pace { return Self.pace - (now - last) }
            if answered.count >= 4_096 { answered = answered.filter { now - $0.value < Self.pace } }
            answered[device] = now
            return .zero
        }
    }
}
