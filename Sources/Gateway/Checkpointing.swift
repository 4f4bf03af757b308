// Checkpoints once a second, on a lane of its own: cutting a long -wal file may wait for others, and the
// tailer must not.

import Lanes
import Logging
import SQLiteEngine

/// Drives the checkpointer. Lives on its worker lane.
final class Checkpointing {
    private let checkpointer: Checkpointer
    private let lane: WorkerLane
    private let log: Logger
    private var alarm: (any Alarm)?

    init(file: DatabaseFile, lane: WorkerLane, log: Logger) {
        checkpointer = Checkpointer(file: file)
        self.lane = lane
        self.log = log
    }

    func start() { turn() }

    /// Another file stands at the path.
    func fileReplaced() { checkpointer.forget() }

    private func turn() {
        do { try checkpointer.run() } catch {
            log.error("the -wal file was not moved", metadata: ["error": "\(error)"])
        }
        alarm = lane.after(.seconds(1)) { [weak self] in self?.turn() }
    }

    func stop() { alarm?.cancel() }
}
