// What this build stands on, for `tidings doctor`.

import Events

/// Versions of what is linked in.
public enum BuiltWith {
    public static var libevent: String { EventLoop.libeventVersion }

    /// The compiler's.
    public static var swift: String {
        #if compiler(>=6.4)
            "6.4 or later"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }
}
