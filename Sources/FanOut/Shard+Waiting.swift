// Polls that wait for a change: the same tails as streams, but only to learn that something came; the poll
// then reads its answer from the state index like any other.

public import Domain

/// A poll that waits. Lives on its shard's loop.
struct Waiter {
    /// What it has read up to.
    let position: Seq
    let untilSecond: Int
    let then: () -> Void
}

extension Shard {
    /// Calls `then` once, on the loop: at a change of the scope beyond `position`, when the time is over, in
    /// another history, or at a drain. It may be called for nothing; the caller looks again.
    ///
    /// The caller read up to `position` before: what came since then wakes it at once, so nothing is slept
    /// through.
    public func wait(for scope: Scope, beyond position: Seq, seconds wait: Int, then: @escaping () -> Void) {
        let tail = tail(for: TailKey(business: scope.business, entities: scope.entities))
        tail.waiters.append(Waiter(position: position, untilSecond: seconds + max(1, wait), then: then))
        if drain != nil || tail.isOpen { wake(tail, everyone: drain != nil) }
    }

    /// Something came; for those who have not read it already.
    func wake(_ tail: Tail, everyone: Bool = false) {
        release(tail) { everyone || $0.position < tail.lastTo }
    }

    func expireWaiters() {
        for tail in tails.values { release(tail) { $0.untilSecond <= seconds } }
    }

    private func release(_ tail: Tail, where isDone: (Waiter) -> Bool) {
        guard !tail.waiters.isEmpty else { return }
        let done = tail.waiters.filter(isDone)
        guard !done.isEmpty else { return }
        tail.waiters.removeAll(where: isDone)
        if tail.streams.isEmpty { tail.emptySince = seconds }
        for waiter in done { waiter.then() }
    }
}
