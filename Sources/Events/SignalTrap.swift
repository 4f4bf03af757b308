// Signals as work on a loop. The corresponding C functions are `evsignal_new` and `event_add`.

import CLibevent
import Glibc

/// Delivers one signal to a closure on a loop, for as long as it is held. Lives on that loop.
@safe public final class SignalTrap {
    private var event: OpaquePointer?
    private let onSignal: () -> Void

    /// - Parameter signal: `SIGTERM`, `SIGINT`, `SIGHUP`.
    public init(_ signal: Int32, on loop: EventLoop, _ onSignal: @escaping () -> Void) {
        self.onSignal = onSignal
        unsafe event = loop.withBase { base in
            unsafe event_new(
                base, signal, Int16(EV_SIGNAL | EV_PERSIST),
                { _, _, context in
                    guard let context = unsafe context else { return }
                    unsafe Unmanaged<SignalTrap>.fromOpaque(context).takeUnretainedValue().onSignal()
                }, Unmanaged.passUnretained(self).toOpaque())
        }
        unsafe event_add(event, nil)
    }

    deinit {
        if let event = unsafe event { unsafe event_free(event) }
    }

    /// Before the first thread is started. A peer that closes must not end the process: writes fail with
    /// EPIPE instead. And whoever started us may have had signals blocked, which a child inherits: SIGTERM
    /// must arrive.
    public static func prepareProcess() {
        _ = signal(SIGPIPE, SIG_IGN)
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe pthread_sigmask(SIG_SETMASK, &none, nil)
    }
}
