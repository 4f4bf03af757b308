// Waiting for a condition with a deadline, instead of sleeping and hoping.

import Foundation

/// Asks every two milliseconds until there is an answer or the time is up. Blocks its thread.
///
/// - Parameter seconds: On a machine with nothing else to do; it waits four times as long.
public func waitFor<Value>(seconds: Double, _ look: () throws -> Value?) rethrows -> Value? {
    let end = Date().addingTimeInterval(4 * seconds)
    while true {
        if let value = try look() { return value }
        if Date() > end { return nil }
        usleep(2_000)
    }
}
