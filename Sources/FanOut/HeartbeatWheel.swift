// Who is due for a heartbeat, without touching those who are not. A slot a second; a stream stands in the
// slot of its last write, and writing does not move it: when its slot comes round it is either due, or moved
// to where its last write belongs. So the hot path pays nothing and a tick costs what it sends.

import DequeModule
import Domain

/// Streams by the second at which they must have been written to. Lives on its shard's loop.
struct HeartbeatWheel {
    private var slots: [[DeviceStream]]
    /// Visited in this order, however many turns and seconds that takes. One that ended meanwhile is skipped.
    private var due = Deque<DeviceStream>()

    /// - Parameter seconds: The promise to the client; a stream is visited one second earlier.
    init(seconds: Int) { slots = Array(repeating: [], count: max(1, seconds - 1)) }

    var hasDue: Bool { !due.isEmpty }

    /// How long after its last write a stream is due.
    var period: Int { slots.count }

    /// Starts a stream anywhere within its first period, so that streams which came together do not beat
    /// together.
    mutating func add(_ stream: DeviceStream, now: Int) {
        put(stream, in: now + Int(stream.id.rawValue % UInt64(period)))
    }

    /// Makes everyone due whose slot this second is.
    mutating func turn(to now: Int) {
        let slot = now % period
        for stream in slots[slot] { stream.wheelSlot = -1 }
        due.append(contentsOf: slots[slot])
        slots[slot] = []
    }

    /// Takes out whoever has been due the longest; the caller puts it back while it is open. O(1).
    mutating func takeDue() -> DeviceStream? { due.popFirst() }

    /// Puts a stream back where its last write belongs.
    mutating func putBack(_ stream: DeviceStream) { put(stream, in: Int(stream.lastWrite)) }

    /// O(1). A stream that is over is kept by no slot.
    mutating func remove(_ stream: DeviceStream) {
        guard stream.wheelSlot >= 0 else { return }
        let (slot, index) = (Int(stream.wheelSlot), Int(stream.wheelIndex))
        let last = slots[slot].removeLast()
        if last !== stream {
            slots[slot][index] = last
            last.wheelIndex = Int32(index)
        }
        stream.wheelSlot = -1
    }

    private mutating func put(_ stream: DeviceStream, in second: Int) {
        let slot = second % period
        stream.wheelSlot = Int32(slot)
        stream.wheelIndex = Int32(slots[slot].count)
        slots[slot].append(stream)
    }
}
