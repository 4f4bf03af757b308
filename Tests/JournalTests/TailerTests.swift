// The tailer against a source that does what a script says: a wake is a hint, the poll is the promise, and
// whatever goes wrong is tried again.

import Domain
import Journal
import Lanes
import Synchronization
import Testing
import TidingsTesting

@Suite struct TailerTests {
    /// A journal in memory, changed from any thread, read on the tailer's lane.
    final class Script: ChangeSource, Sendable {
        struct State {
            var epoch = Epoch(1)
            var head: Int64 = 0
            /// Up to where was read; nil: nothing yet.
            var readTo: Int64?
            /// What the next calls throw.
            var openFailures: [any Error] = []
            var readFailures: [any Error] = []
            var opened = 0
            /// What was written and is not heard of yet.
            var isWritten = false
            /// Whether nobody is writing.
            var isSettled = false
            /// A snapshot holds at most this much more: commits that arrive one behind the other.
            var perSnapshot: Int64 = .max
        }
        let state = Mutex(State())

        func commit(_ count: Int64 = 1) { state.withLock { $0.head += count } }

        func write() { state.withLock { $0.isWritten = true } }

        func wasWritten() -> Bool {
            state.withLock { state in
                defer { state.isWritten = false }
                return state.isWritten
            }
        }

        func isSettled() -> Bool { state.withLock(\.isSettled) }

        func open() throws -> Head {
            try state.withLock { state in
                if !state.openFailures.isEmpty { throw state.openFailures.removeFirst() }
                state.opened += 1
                state.readTo = nil
                return Self.head(state.head, state.epoch)
            }
        }

        func read(after position: Head, interest: Interest, rowsMax: Int) throws -> JournalSnapshot? {
            try state.withLock { state in
                guard state.head != state.readTo else { return nil }
                if !state.readFailures.isEmpty { throw state.readFailures.removeFirst() }
                if position.epoch != state.epoch { throw HistoryChanged("replaced") }
                let to = min(state.head, position.seq.rawValue + min(state.perSnapshot, 1 << 40))
                state.readTo = to
                return JournalSnapshot(
                    from: position, head: Self.head(to, state.epoch), businesses: [],
                    rows: to > position.seq.rawValue
                        ? (position.seq.rawValue + 1...to).map { (Seq($0), NonceTag.none) } : [],
                    oldestWrite: nil)
            }
        }

        /// A tailer of it, with the settings of every gateway.
        func tailer(on lane: ManualLane, heard: Recorder<String>) -> Tailer {
            Tailer(
                source: self, sink: Listener(heard), lane: lane, settings: TailerSettings(),
                wasWritten: wasWritten, report: { _ in })
        }

        static func head(_ seq: Int64, _ epoch: Epoch) -> Head {
            Head(epoch: epoch, seq: Seq(seq), nonce: .none)
        }
    }

    /// What a sink was told, in words.
    final class Listener: TailSink {
        let heard: Recorder<String>
        let interest = Interest()
        init(_ heard: Recorder<String>) { self.heard = heard }
        func historyBegan(at head: Head) {
            heard.record("history \(head.epoch.rawValue) at \(head.seq.rawValue)")
        }
        func publish(_ snapshot: JournalSnapshot) {
            heard.record("\(snapshot.from.seq.rawValue)-\(snapshot.head.seq.rawValue)")
        }
    }

    /// A tailer on its lane.
    final class Bench: Sendable {
        let script = Script()
        let lane = WorkerLane(name: "tailer")
        let heard = Recorder<String>()
        let statuses = Recorder<TailerStatus>()
        private let tailer: Confined<Tailer>

        init(safetyPoll: Duration, before: (Script) -> Void = { _ in }) {
            var settings = TailerSettings()
            settings.safetyPoll = safetyPoll
            before(script)
            tailer = Confined(
                Tailer(
                    source: script, sink: Listener(heard), lane: lane, settings: settings,
                    wasWritten: script.wasWritten, report: { [statuses] in statuses.record($0) }), to: lane)
            tailer.post { $0.start() }
        }

        deinit {
            tailer.post { $0.stop() }
            lane.stop()
        }

        func restart() { tailer.post { $0.restart() } }

        /// Waits until this was heard.
        func hears(_ words: String) -> Bool {
            waitFor(seconds: 30) { heard.all.contains(words) ? true : nil } == true
        }

        /// Waits until the status is so.
        func says(_ what: (TailerStatus) -> Bool) -> Bool {
            waitFor(seconds: 30) { statuses.all.last.map(what) == true ? true : nil } == true
        }
    }

    @Test func theSafetyPollSeesWhatNothingAnnounced() {
        let bench = Bench(safetyPoll: .milliseconds(5))
        #expect(bench.hears("history 1 at 0"))
        bench.script.commit()
        #expect(bench.hears("0-1"))
    }

    /// A lane whose time the test makes.
    final class ManualLane: TimedLane {
        private let asked = Recorder<Duration>()
        /// Kept by whoever asked for it.
        private let bell = Mutex<LaneReference<Bell>?>(nil)
        let isCurrent = true
        /// How long it was asked to wait, each time.
        var pauses: [Duration] { asked.all }

        func post(_ work: sending @escaping () -> Void) { work() }

        func after(_ delay: Duration, _ work: @escaping () -> Void) -> any Alarm {
            asked.record(delay)
            let made = Bell(work)
            let reference = LaneReference(made, on: self)
            bell.withLock { $0 = reference }
            return made
        }

        /// The time of the last alarm has come.
        func ring() { bell.withLock { $0 }?.post { $0.work() } }

        final class Bell: Alarm {
            let work: () -> Void
            init(_ work: @escaping () -> Void) { self.work = work }
            func cancel() {}
        }
    }

    /// A commit is looked for closely until it is there, and no longer; the one before is not taken for it.
    @Test func whoeverHasSeenTheAnnouncedCommitRests() {
        let (script, lane, heard) = (Script(), ManualLane(), Recorder<String>())
        let settings = TailerSettings()
        let tailer = script.tailer(on: lane, heard: heard)
        tailer.start()
        script.commit()
        script.write()
        tailer.wake()
        lane.ring()
        #expect(heard.all.last == "0-1", "what was committed before the write was announced")
        lane.ring()
        lane.ring()
        script.commit()
        lane.ring()
        #expect(heard.all.last == "1-2")
        lane.ring()
        let (close, safety) = (settings.poll, settings.safetyPoll)
        let awaited = [close / 2, close, close * 3 / 2, close * 9 / 4]
        #expect(lane.pauses == [safety] + awaited + [safety, safety])
    }

    /// Its own writes are announced with a commit, and are none of the next while nobody is writing.
    @Test func whatIsFoundWhileNobodyWritesIsAllThereIs() {
        let (script, lane, heard) = (Script(), ManualLane(), Recorder<String>())
        let settings = TailerSettings()
        let tailer = script.tailer(on: lane, heard: heard)
        tailer.start()
        script.commit()
        script.write()
        script.state.withLock { $0.isSettled = true }
        tailer.wake()
        lane.ring()
        #expect(heard.all.last == "0-1")
        #expect(lane.pauses == [settings.safetyPoll, settings.poll / 2, settings.safetyPoll])
    }

    /// Each write is announced: a look that is to come is not put off by the next.
    @Test func whoeverWritesAllTheTimePutsOffNoLook() {
        let (script, lane, heard) = (Script(), ManualLane(), Recorder<String>())
        let tailer = script.tailer(on: lane, heard: heard)
        tailer.start()
        for _ in 0..<20 {
            script.write()
            tailer.wake()
        }
        #expect(lane.pauses == [TailerSettings().safetyPoll, TailerSettings().poll / 2])
    }

    /// However long it takes, until it is there the pauses grow no longer than the safety poll; a write that
    /// is announced meanwhile begins them anew.
    @Test func pausesGrowWhileACommitIsAwaited() {
        let (script, lane, heard) = (Script(), ManualLane(), Recorder<String>())
        let settings = TailerSettings()
        let tailer = script.tailer(on: lane, heard: heard)
        tailer.start()
        script.write()
        tailer.wake()
        for _ in 0..<30 { lane.ring() }
        #expect(lane.pauses.last == settings.safetyPoll)
        #expect(zip(lane.pauses.dropFirst(2), lane.pauses.dropFirst(3)).allSatisfy { $1 <= $0 * 3 / 2 })
        script.write()
        lane.ring()
        #expect(lane.pauses.last == settings.poll)
        for _ in 0..<12 { lane.ring() }
        script.commit()
        lane.ring()
        #expect(heard.all.last == "0-1", "only the writes could tell")
    }

    /// Announced once, read until nothing is left, each snapshot beginning where the one before ended.
    @Test func snapshotsFollowEachOtherWithoutAGap() {
        let bench = Bench(safetyPoll: .milliseconds(5)) { $0.state.withLock { $0.perSnapshot = 40 } }
        #expect(bench.hears("history 1 at 0"))
        bench.script.commit(100)
        #expect(bench.hears("80-100"))
        #expect(bench.heard.all == ["history 1 at 0", "0-40", "40-80", "80-100"])
        #expect(bench.says { $0.rows == 100 })
    }

    /// What could not be read is read when the source can.
    @Test func aReadThatFailedIsTriedAgainWithoutNews() {
        struct DiskFull: Error {}
        let bench = Bench(safetyPoll: .milliseconds(5))
        #expect(bench.hears("history 1 at 0"))
        bench.script.state.withLock { $0.readFailures = [DiskFull(), DiskFull(), DiskFull()] }
        bench.script.commit()
        #expect(bench.hears("0-1"))
        #expect(bench.statuses.all.contains { $0.failure?.contains("DiskFull") == true })
        #expect(bench.says { $0.failure == nil }, "said until it is over, and not longer")
    }

    @Test func anotherHistoryIsOpenedAnew() {
        let bench = Bench(safetyPoll: .milliseconds(5))
        #expect(bench.hears("history 1 at 0"))
        bench.script.state.withLock {
            $0.epoch = Epoch(2)
            $0.head = 7
        }
        #expect(bench.hears("history 2 at 7"))
        #expect(!bench.heard.all.contains("0-7"), "nothing of the new history is told as if it were the old")
        bench.script.commit()
        #expect(bench.hears("7-8"))
        bench.restart()
        #expect(bench.hears("history 2 at 8"))
    }

    @Test func aDatabaseThatCannotBeOpenedYetIsWaitedFor() {
        struct Missing: Error {}
        let bench = Bench(safetyPoll: .milliseconds(5)) { script in
            script.state.withLock { $0.openFailures = [Missing(), Missing(), Missing(), Missing()] }
        }
        #expect(bench.hears("history 1 at 0"))
        #expect(bench.statuses.all.first?.failure?.contains("Missing") == true)
    }
}
