// A deadline on an event loop. The corresponding C functions are `evtimer_new`, `evtimer_add`, `event_free`.

import CLibevent
import Glibc
import Lanes

/// Work that waits for its time on a loop. Lives on that loop.
@safe final class LoopTimer: Alarm {
    private var event: OpaquePointer?
    private var work: (() -> Void)?

    init(base: OpaquePointer, after delay: Duration, _ work: @escaping () -> Void) {
        self.work = work
        // The pending event holds the timer; firing or cancelling lets go.
        let context = unsafe Unmanaged.passRetained(self)
        unsafe event = event_new(
            base, -1, 0,
            { _, _, context in
                guard let context = unsafe context else { return }
                unsafe Unmanaged<LoopTimer>.fromOpaque(context).takeUnretainedValue().fire()
            }, context.toOpaque())
        let (seconds, attoseconds) = max(.zero, delay).components
        var time = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
        unsafe event_add(event, &time)
    }

    func cancel() { _ = finish() }

    private func fire() {
        let work = finish()
        work?()
    }

    /// Frees the event, once. Returns the work if it had not run.
    private func finish() -> (() -> Void)? {
        guard let pending = unsafe event else { return nil }
        unsafe event_free(pending)
        unsafe event = nil
        let work = work
        self.work = nil
        unsafe Unmanaged.passUnretained(self).release()
        return work
    }
}
