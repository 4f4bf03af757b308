// Threads for tests that wait: for a process, a socket, a deadline. Swift's own pool is as wide as the
// machine has cores, and a thread of it that waits is a core that idles.

import Dispatch
import Foundation
import Synchronization
public import Testing

/// The tests of a suite run on threads that may wait.
public struct Waiting: SuiteTrait, TestTrait, TestScoping {
    public var isRecursive: Bool { true }

    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(WaitingThreads.shared) { try await function() }
    }
}

extension Trait where Self == Waiting {
    public static var waits: Self { Waiting() }
}

/// A few threads and the jobs that wait for one, in order. From any thread.
private final class WaitingThreads: TaskExecutor {
    /// `TIDINGS_TEST_WIDTH` of them; two for each core unless said.
    static let shared = WaitingThreads(
        count: ProcessInfo.processInfo.environment["TIDINGS_TEST_WIDTH"].flatMap { Int($0) }
            ?? 2 * ProcessInfo.processInfo.activeProcessorCount)

    private let jobs = Mutex<[UnownedJob]>([])
    private let arrivals = DispatchSemaphore(value: 0)

    init(count: Int) {
        for _ in 0..<count { Thread.detachNewThread { self.work() } }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        arrivals.signal()
    }

    private func work() -> Never {
        while true {
            arrivals.wait()
            let job = jobs.withLock { $0.removeFirst() }
            unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}
