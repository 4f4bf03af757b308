// Where uploads queue for the one writer. An upload that was accepted is finished, whether its client waits
// or not: it is known by its operations' ids, and asking again tells what became of it.
//
//     loop: admit ──► writer lane: read the body · one transaction ──► wake the tailer ──► answer
//           └► 503: too many, or ending · 409: the same Idempotency-Key is on its way

import Domain
import HTTP
import Journal
import Lanes
import Logging
import Registry
import SQLiteEngine
import Settings
import Synchronization
import Telemetry

/// One request to write.
struct Upload: Sendable {
    let grant: Grant
    let key: String?
    let body: [UInt8]
}

/// How many uploads may wait.
struct UploadLimits: Sendable {
    var waiting: Int
    /// The same, of one business: its tills must not fill the queue for everybody else's.
    var waitingPerBusiness: Int
    /// Operations in one batch.
    var operations: Int
}

/// Uploads on their way to the database. From any lane.
final class UploadDesk: Sendable {
    private struct RunningKey: Hashable {
        let business: BusinessID
        let device: String
        let key: String
    }
    private struct State {
        var waiting = 0
        var ofBusiness: [BusinessID: Int] = [:]
        var running: Set<RunningKey> = []
        var isClosed = false
    }

    private let writer: Confined<any UploadWriter>
    private let lane: WorkerLane
    private let catalogue: EntityCatalogue
    private let limits: UploadLimits
    private let clock: WallClock
    private let log: Logger
    /// Told of every commit.
    private let committed: Waker
    private let state = Mutex(State())

    init(
        writer: Confined<any UploadWriter>, lane: WorkerLane, catalogue: EntityCatalogue,
        limits: UploadLimits,
        clock: WallClock, log: Logger, committed: Waker
    ) {
        self.writer = writer
        self.lane = lane
        self.catalogue = catalogue
        self.limits = limits
        self.clock = clock
        self.log = log
        self.committed = committed
        forget(after: .seconds(1))
    }

    /// With a writer on a lane of its own; nil when the configuration takes no uploads.
    ///
    /// - Throws: When the gateway's own file cannot be opened.
    static func make(
        _ configuration: Configuration, file: DatabaseFile, catalogue: EntityCatalogue, clock: WallClock,
        log: Logger, committed: Waker
    ) throws -> UploadDesk? {
        guard configuration.takesUploads else { return nil }
        let lane = WorkerLane(name: "uploads")
        let shutouts = try Shutouts(path: configuration.database.gatewayPath)
        let writer: any UploadWriter = SQLiteUploadWriter(
            file: file, catalogue: catalogue, clock: clock, remembered: configuration.retention.maxOffline,
            isShutOut: shutouts.contains)
        let settings = configuration.uploads
        return UploadDesk(
            writer: Confined(writer, to: lane), lane: lane, catalogue: catalogue,
            limits: UploadLimits(
                waiting: settings.waiting, waitingPerBusiness: settings.waitingPerBusiness,
                operations: settings.operations),
            clock: clock, log: log, committed: committed)
    }

    var waiting: Int { state.withLock(\.waiting) }

    // MARK: Admission

    /// Applies an upload, later.
    ///
    /// - Parameter answer: Called once, from some lane.
    func take(_ upload: Upload, answer: @Sendable @escaping (Response) -> Void) {
        if let refusal = admit(upload) {
            Self.batches.add(refusal.outcome)
            return answer(refusal.response)
        }
        writer.post { [self] writer in
            let (outcome, response) = process(upload, writer)
            release(upload)
            Self.batches.add(outcome)
            answer(response)
        }
    }

    private func runningKey(_ upload: Upload) -> RunningKey? {
        upload.key.map { key in
            RunningKey(business: upload.grant.business, device: upload.grant.deviceName, key: key)
        }
    }

    private func admit(_ upload: Upload) -> (outcome: BatchOutcome, response: Response)? {
        let business = upload.grant.business
        let key = runningKey(upload)
        return state.withLock { state in
            let own = state.ofBusiness[business] ?? 0
            let reached: Limit? =
                state.waiting >= limits.waiting
                ? .uploadsWaiting : own >= limits.waitingPerBusiness ? .uploadsWaitingPerBusiness : nil
            if let reached { Limit.met.add(reached) }
            guard !state.isClosed, reached == nil else {
                return (.refused, Refused.unavailable(retryAfterSeconds: 1).response)
            }
            if let key, !state.running.insert(key).inserted {
                return (
                    .running,
                    .error(
                        409, "idempotency_key_running",
                        "A request with this Idempotency-Key is being processed.",
                        fields: [("Retry-After", "1")])
                )
            }
            state.waiting += 1
            state.ofBusiness[business] = own + 1
            return nil
        }
    }

    private func release(_ upload: Upload) {
        let business = upload.grant.business
        let key = runningKey(upload)
        state.withLock { state in
            state.waiting -= 1
            let left = (state.ofBusiness[business] ?? 1) - 1
            state.ofBusiness[business] = left == 0 ? nil : left
            if let key { state.running.remove(key) }
        }
    }

    // MARK: On the writer's lane

    private func process(_ upload: Upload, _ writer: any UploadWriter) -> (BatchOutcome, Response) {
        let json: JSONValue
        do {
            json = try StrictJSON.parse(upload.body)
        } catch {
            return (.invalid, .error(400, "bad_json", error.description))
        }
        guard case .object = json else {
            return (.invalid, .error(400, "bad_json", "The body is no object."))
        }
        let form = UploadForm(json, catalogue: catalogue, operationsMax: limits.operations)
        guard form.failures.isEmpty else { return (.invalid, .invalid(form.failures)) }
        let batch = UploadBatch(
            business: upload.grant.business, device: upload.grant.deviceName, token: upload.grant.token,
            groups: form.groups, isAtomic: form.isAtomic,
            idempotency: upload.key.map { .init(key: $0, fingerprint: Fingerprint.of(upload.body)) })
        let answer = UploadAnswer(catalogue: catalogue, grant: upload.grant, now: clock.now)
        do {
            let outcome = try writer.apply(batch) { answer.body($0, checkpoint: $1) }
            return respond(to: outcome, answer)
        } catch {
            log.error("an upload failed", metadata: ["error": "\(error)"])
            return (.failed, Refused.unavailable(retryAfterSeconds: 1).response)
        }
    }

    private func respond(to outcome: UploadOutcome, _ answer: UploadAnswer) -> (BatchOutcome, Response) {
        switch outcome {
        case .answered(let results, let head, let body):
            if head != nil { committed.wake() }
            for result in results { Self.operations.add(result.status) }
            return (.answered, .json(body))
        case .undone(let results):
            for result in results { Self.operations.add(result.status) }
            return (.undone, answer.undone(results))
        case .replayed(let body):
            return (.replayed, .json(body, fields: [("Idempotent-Replayed", "true")]))
        case .keyReused:
            let message = "This Idempotency-Key was used with another body."
            return (.invalid, .error(422, "idempotency_key_reused", message))
        case .shutOut: return (.refused, Refused.unauthenticated.response)
        }
    }

    // MARK: Forgetting, ending

    private func forget(after pause: Duration) {
        writer.post { [self] _ in
            _ = lane.after(pause) { [weak self] in
                guard let self else { return }
                var hasMore = false
                do {
                    hasMore = try writer.with { try $0.forget() }
                } catch {
                    log.warning("old uploads could not be forgotten", metadata: ["error": "\(error)"])
                }
                forget(after: hasMore ? .milliseconds(200) : .seconds(60))
            }
        }
    }

    /// Takes no more; `done` is called on the writer's lane when what was taken is finished and answered.
    func close(_ done: @Sendable @escaping () -> Void) {
        state.withLock { $0.isClosed = true }
        writer.post { _ in done() }
    }

    // MARK: Figures

    /// What became of a request.
    enum BatchOutcome: String, MetricLabel {
        case answered, undone, replayed, invalid, running, refused, failed
    }

    private static let batches = LabelledCounter<BatchOutcome>(
        "tidings_uploads_total", help: "Requests to POST /sync/batch, by what became of them.",
        label: "outcome")
    private static let operations = LabelledCounter<OperationResult.Status>(
        "tidings_upload_operations_total", help: "Uploaded operations, by result.", label: "status")

    static let metrics: [any Metric] = [batches, operations]
}

/// Tells the tailer of our own commits. From any lane.
final class Waker: Sendable {
    private let target = Mutex<(@Sendable () -> Void)?>(nil)

    func connect(_ target: @Sendable @escaping () -> Void) { self.target.withLock { $0 = target } }

    func wake() { target.withLock { $0 }?() }
}
