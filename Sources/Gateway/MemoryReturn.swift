// The C library keeps what streams have freed. When most of a crowd has left, it is told to give that back.

import CLinux

/// Notices when many streams have gone. A value; lives on the registry's lane.
struct MemoryReturn {
    /// How much free memory an arena may keep at its end, and the largest block it holds itself. Left to
    /// itself the C library raises both with the first large block that is freed, to as much as 64 MiB, and
    /// `malloc_trim` does not look at the end of any arena but the first. Its own beginning, 128 KiB, would
    /// be exceeded by each page of records, and make it go to the system for each.
    private static let arenaEndBytes: Int32 = 512 << 10

    /// Before anything large is freed.
    static func prepareProcess() { clinux_bound_arenas(arenaEndBytes) }

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
