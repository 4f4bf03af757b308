// Texts without a zone, written by a clock that hung somewhere: which moment was it?

import Domain
import Foundation

/// Turns local times of one zone into moments. Lives on its connection's lane.
///
/// An hour that the clock showed twice is taken for its first pass; one that it skipped, for the hour after.
final class LocalTime {
    private let zone: TimeZone
    /// Offsets in seconds by local quarter of an hour: no zone changes in between, and asking is slow.
    private var offsets: [Int64: Int64] = [:]

    private static let quarterSeconds: Int64 = 900
    private static let offsetsMax = 4_096

    /// Nil for UTC and for a zone that this machine does not know.
    init?(_ name: String?) {
        guard let name, let zone = TimeZone(identifier: name) else { return nil }
        self.zone = zone
    }

    /// - Parameter local: The text read as if it were UTC.
    func moment(_ local: Timestamp) -> Timestamp {
        let seconds = local.microseconds / 1_000_000 - (local.microseconds % 1_000_000 < 0 ? 1 : 0)
        let quarter = seconds / Self.quarterSeconds
        let offset = offsets[quarter] ?? ask(quarter)
        return Timestamp(microseconds: local.microseconds - offset * 1_000_000)
    }

    private func ask(_ quarter: Int64) -> Int64 {
        let local = quarter * Self.quarterSeconds
        func offset(at seconds: Int64) -> Int64 {
            Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds))))
        }
        // The offset before any change nearby, if it fits, is the first pass of a repeated hour.
        let before = offset(at: local - 86_400)
        let fits = offset(at: local - before) == before
        let found = fits ? before : offset(at: local - offset(at: local - before))
        if offsets.count >= Self.offsetsMax { offsets.removeAll() }
        offsets[quarter] = found
        return found
    }
}
