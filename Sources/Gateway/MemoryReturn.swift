// The C library keeps what streams have freed. When most of a crowd has left, it is told to give that back.

import CLinux

/// Notices when many streams have gone. A value; lives on the registry's lane.
struct MemoryReturn {
    /// Before the first large block is freed: from then on, left to itself, the C library would keep twice
    /// that block's size at the end of each arena, where `malloc_trim` does not look.
    static func prepareProcess() { _ = clinux_trim_threshold(128 << 10) }

    /// Fewer are not worth the look over all free memory.
    private static let streamsMin = 1_000
    /// The most streams since memory was last given back.
    private var peak = 0
    /// How many there were at the look before.
    private var last = 0

    /// Gives memory back once two thirds of the streams have left, and no more are leaving: memory that is
    /// given back in the midst of it would be taken, and freed, again. Milliseconds, on a lane that may
    /// block.
    mutating func look(streams: Int) {
        let stillLeaving = streams < last
        last = streams
        peak = max(peak, streams)
        guard !stillLeaving, isDue(streams: streams) else { return }
        peak = streams
        clinux_trim()
    }

    private func isDue(streams: Int) -> Bool { peak - streams >= Self.streamsMin && streams * 3 <= peak }
}
