// The recent past of one (business, entity set), on one shard: encoded frames that every stream of the shard
// shares, numbered from 0 for ever. A stream is a number into it. What a socket does not take now, its stream
// is behind by; a stream whose number has left the tail reads the state index instead.
//
//        start          dropped frames │ frames[0] … frames[n-1] │ published through
//          └ the seq after which this tail knows everything ─────┘

import DequeModule
public import Domain

/// Which tail: a business, and the entities its frames are narrowed to.
public struct TailKey: Hashable, Sendable {
    public let business: BusinessID
    public let entities: EntitySet

    public init(business: BusinessID, entities: EntitySet) {
        self.business = business
        self.entities = entities
    }

    public var scope: Scope { Scope(business: business, entities: entities) }
}

/// Frames, and the streams that follow them. Lives on its shard's loop.
final class Tail {
    let key: TailKey
    /// Nil until the hub has said from where on it delivers.
    private(set) var start: Seq?
    private var frames = Deque<Frame>()
    private(set) var firstNumber = 0
    private(set) var byteCount = 0
    /// The `to` of the newest frame, or where the tail began: `from` of the next heartbeat.
    private(set) var lastTo = Seq.zero

    private(set) var streams: [DeviceStream] = []
    /// Polls that wait for the next change.
    var waiters: [Waiter] = []
    /// Streams below this index have seen the frames of the running delivery pass.
    var cursor = 0
    var isQueued = false
    /// The number after the newest frame when the running pass began.
    var passEnd = 0
    /// Seconds since the shard began when the last stream left; nil while there are any.
    var emptySince: Int?
    var heartbeat: (tick: Int, through: Seq, frame: Frame)?

    init(key: TailKey) { self.key = key }

    var isOpen: Bool { start != nil }
    /// The number that the next frame will have.
    var endNumber: Int { firstNumber + frames.count }

    /// From here on, nothing is missing. Also when the journal was opened anew: old frames are dropped, and a
    /// number is passed over for what may have been committed meanwhile, so that every stream falls behind.
    func open(at seq: Seq) {
        firstNumber = isOpen ? endNumber + 1 : endNumber
        frames.removeAll()
        byteCount = 0
        start = seq
        lastTo = seq
        heartbeat = nil
    }

    func append(_ frame: Frame, bytesMax: Int, framesMax: Int) {
        frames.append(frame)
        byteCount += frame.bytes.count
        if let mark = frame.mark { lastTo = mark.seq }
        // The newest frame always stays: it is what the running pass delivers.
        while frames.count > 1, byteCount > bytesMax || frames.count > framesMax {
            let dropped = frames.removeFirst()
            firstNumber += 1
            byteCount -= dropped.bytes.count
            if let mark = dropped.mark { start = mark.seq }
        }
    }

    /// The frame of that number; nil when it has left the tail.
    func frame(_ number: Int) -> Frame? {
        number >= firstNumber && number < endNumber ? frames[number - firstNumber] : nil
    }

    /// The number of the first frame that lies beyond `seq`. O(log frames).
    func number(after seq: Seq) -> Int {
        var low = 0
        var high = frames.count
        while low < high {
            let middle = (low + high) / 2
            if let mark = frames[middle].mark, mark.seq > seq { high = middle } else { low = middle + 1 }
        }
        return firstNumber + low
    }

    /// Bytes from that number on; everything when it has left the tail.
    func pendingBytes(from number: Int) -> Int {
        if number >= endNumber { return 0 }
        if number <= firstNumber { return byteCount }
        var sum = 0
        for frame in frames[(number - firstNumber)...] { sum += frame.bytes.count }
        return sum
    }

    func add(_ stream: DeviceStream) {
        stream.indexInTail = Int32(streams.count)
        streams.append(stream)
        emptySince = nil
    }

    /// O(1). A stream that the running pass has not reached yet never moves to where the pass has been.
    func remove(_ stream: DeviceStream) {
        var hole = Int(stream.indexInTail)
        if hole < cursor {
            cursor -= 1
            place(streams[cursor], at: hole)
            hole = cursor
        }
        let last = streams.removeLast()
        if hole < streams.count { place(last, at: hole) }
    }

    private func place(_ stream: DeviceStream, at index: Int) {
        streams[index] = stream
        stream.indexInTail = Int32(index)
    }
}
