// The shared tail: bounded, numbered for ever, and honest about how far back it reaches.

import Domain
import Testing

@testable import FanOut

@Suite struct TailTests {
    static func frame(to seq: Int64, bytes: Int = 100) -> Frame {
        Frame(
            bytes: Array(repeating: 0x61, count: bytes), mark: Mark(seq: Seq(seq), nonce: .none), records: 1)
    }

    static func tail(framesAt seqs: [Int64], bytesMax: Int = 10_000, framesMax: Int = 100) -> Tail {
        let tail = Tail(key: TailKey(business: BusinessID(1), entities: EntitySet(bits: 2)))
        tail.open(at: Seq(10))
        for seq in seqs { tail.append(frame(to: seq), bytesMax: bytesMax, framesMax: framesMax) }
        return tail
    }

    @Test func aPositionFindsTheFirstFrameBeyondIt() {
        let tail = Self.tail(framesAt: [12, 15, 20])
        #expect(tail.number(after: Seq(10)) == 0)
        #expect(tail.number(after: Seq(12)) == 1)
        #expect(tail.number(after: Seq(14)) == 1)
        #expect(tail.number(after: Seq(20)) == 3)
        #expect(tail.endNumber == 3)
    }

    @Test func whatIsDroppedMovesTheStart() {
        let tail = Self.tail(framesAt: [12, 15, 20], framesMax: 2)
        #expect(tail.start == Seq(12))
        #expect(tail.firstNumber == 1)
        #expect(tail.frame(0) == nil)
        #expect(tail.frame(1)?.mark?.seq == Seq(15))
        #expect(tail.lastTo == Seq(20))
    }

    @Test func bytesAreBoundedButTheNewestStays() {
        let tail = Self.tail(framesAt: [12, 15], bytesMax: 150)
        #expect(tail.byteCount == 100)
        tail.append(Self.frame(to: 20, bytes: 5_000), bytesMax: 150, framesMax: 10)
        #expect(tail.byteCount == 5_000)
        #expect(tail.start == Seq(15))
    }

    @Test func aNewHistoryKeepsNumbersGrowing() {
        let tail = Self.tail(framesAt: [12, 15])
        tail.open(at: Seq(3))
        #expect(tail.endNumber == 3)
        #expect(tail.start == Seq(3))
        #expect(tail.frame(1) == nil)
        // Whoever had sent everything is behind now: nobody knows what was committed in between.
        #expect(tail.firstNumber == 3)
    }

    @Test func pendingBytesAreCountedFromAStreamsNumber() {
        let tail = Self.tail(framesAt: [12, 15, 20])
        #expect(tail.pendingBytes(from: 0) == 300)
        #expect(tail.pendingBytes(from: 2) == 100)
        #expect(tail.pendingBytes(from: 3) == 0)
    }
}

@Suite struct RecentNoncesTests {
    @Test func onlyTheNewestRowsAreRemembered() {
        var recent = RecentNonces(capacity: 4)
        for seq in 1...6 { recent.insert(Seq(Int64(seq)), NonceTag(UInt16(seq))) }
        #expect(recent[Seq(2)] == nil)
        #expect(recent[Seq(6)] == NonceTag(6))
        recent.removeAll()
        #expect(recent[Seq(6)] == nil)
    }
}

@Suite struct RosterTests {
    /// A device has one token.
    static func identity(_ device: String) -> StreamIdentity {
        StreamIdentity(
            device: device, token: TokenID(Int64(device.hashValue)), address: "127.0.0.1", agent: "")
    }

    static let shop = BusinessID(1)
    static let other = BusinessID(2)

    @Test func theNewcomerIsTurnedAwayUnlessAnOldPeerIsSilent() {
        let roster = StreamRoster(limits: StreamLimits(total: 0, perBusiness: 0, perDevice: 2, perAddress: 0))
        let till = Self.identity("till")
        #expect(roster.admit(StreamID(1), till, of: Self.shop, shard: 0) == .welcome)
        #expect(roster.admit(StreamID(2), till, of: Self.shop, shard: 1) == .welcome)
        #expect(roster.admit(StreamID(3), till, of: Self.shop, shard: 0) == .tooMany(ofDevice: true))
        #expect(roster.admit(StreamID(4), Self.identity("other"), of: Self.shop, shard: 0) == .welcome)
        roster.mark(StreamID(2), till, silent: true)
        #expect(roster.admit(StreamID(5), till, of: Self.shop, shard: 0) == .inPlaceOf(StreamID(2), shard: 1))
        // Its place is given away once.
        #expect(roster.admit(StreamID(6), till, of: Self.shop, shard: 0) == .tooMany(ofDevice: true))
        roster.remove(StreamID(2), till, of: Self.shop)
        roster.remove(StreamID(1), till, of: Self.shop)
        #expect(roster.admit(StreamID(6), till, of: Self.shop, shard: 0) == .welcome)
        #expect(roster.total == 3)
    }

    @Test func everyLimitIsHeld() {
        let roster = StreamRoster(limits: StreamLimits(total: 3, perBusiness: 2, perDevice: 0, perAddress: 0))
        #expect(roster.admit(StreamID(1), Self.identity("a"), of: Self.shop, shard: 0) == .welcome)
        #expect(roster.admit(StreamID(2), Self.identity("b"), of: Self.shop, shard: 0) == .welcome)
        #expect(
            roster.admit(StreamID(3), Self.identity("c"), of: Self.shop, shard: 0)
                == .tooMany(ofDevice: false))
        #expect(roster.admit(StreamID(3), Self.identity("c"), of: Self.other, shard: 0) == .welcome)
        #expect(
            roster.admit(StreamID(4), Self.identity("d"), of: Self.other, shard: 0)
                == .tooMany(ofDevice: false))
    }
}
