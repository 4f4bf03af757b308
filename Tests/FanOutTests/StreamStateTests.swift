// How a stream begins and moves on, as a table: no socket, no clock, no database.

import Domain
import Testing

@testable import FanOut

@Suite struct EntranceTests {
    static let business = BusinessID(7)
    static let scope = Scope(business: business, entities: EntitySet(bits: 0b110))
    static let epoch = Epoch(42)

    static func facts(start: Int64 = 100, through: Int64 = 200) -> TailFacts {
        var recent = RecentNonces(capacity: 256)
        for seq in start...through { recent.insert(Seq(seq), NonceTag(UInt16(seq))) }
        return TailFacts(
            epoch: epoch, through: Mark(seq: Seq(through), nonce: NonceTag(UInt16(through))),
            start: Seq(start),
            generation: 9, recent: recent)
    }

    static func token(
        _ pos: Int64, base: Int64? = nil, nonce: UInt16? = nil, epoch: Epoch = epoch,
        business: BusinessID = business,
        entities: UInt64 = 0b110, generation: UInt32 = 9
    ) -> PresentedToken {
        .token(
            SyncToken(
                epoch: epoch, pos: Seq(pos), base: Seq(base ?? pos), nonce: NonceTag(nonce ?? UInt16(pos)),
                business: BusinessTag(of: business), entities: EntitySet(bits: entities),
                generation: generation))
    }

    func entrance(_ presented: PresentedToken?) -> Entrance {
        Entrance(presented: presented, scope: Self.scope, facts: Self.facts())
    }

    @Test func nothingPresentedIsLiveFromTheHead() { #expect(entrance(nil) == .fromHead) }

    @Test func theNullTokenAndGarbageAreReset() {
        #expect(entrance(.null) == .reset(Refusal(.unknown)))
        #expect(entrance(.malformed) == .reset(Refusal(.unknown)))
    }

    @Test func aProvenRecentPositionIsServedFromTheTail() {
        #expect(entrance(Self.token(150)) == .fromTail(Mark(seq: Seq(150), nonce: NonceTag(150))))
        #expect(entrance(Self.token(100)) == .fromTail(Mark(seq: Seq(100), nonce: NonceTag(100))))
        #expect(entrance(Self.token(200)) == .fromTail(Mark(seq: Seq(200), nonce: NonceTag(200))))
    }

    @Test func whateverTheTailCannotVouchForIsRead() {
        func isRead(_ presented: PresentedToken) -> Bool {
            if case .readPages = entrance(presented) { true } else { false }
        }
        #expect(isRead(Self.token(99)), "older than the tail")
        #expect(isRead(Self.token(201)), "ahead is judged in a snapshot opened after the request arrived")
        #expect(isRead(Self.token(150, base: 120)), "a page token is resumed from the state index only")
        #expect(isRead(Self.token(150, nonce: 1)), "another nonce: the database says which history it is")
        #expect(isRead(Self.token(150, epoch: Epoch(43))), "the tailer may not have seen a new epoch yet")
    }

    @Test func anotherScopeIsResetAloud() {
        #expect(entrance(Self.token(150, business: BusinessID(8))) == .reset(Refusal(.scope)))
        #expect(entrance(Self.token(150, generation: 8)) == .reset(Refusal(.scope)))
        #expect(
            entrance(Self.token(150, entities: 0b010))
                == .reset(Refusal(.scope, entities: EntitySet(bits: 0b100))))
    }

    @Test func aNarrowerScopeIsServed() {
        #expect(
            entrance(Self.token(150, entities: 0b1110))
                == .fromTail(Mark(seq: Seq(150), nonce: NonceTag(150))))
    }
}

@Suite struct StreamStateTests {
    static func page(_ pos: Int64, more: Bool, records: Int) -> PageSummary {
        PageSummary(
            token: SyncToken(
                epoch: Epoch(1), pos: Seq(pos), base: Seq(10), nonce: NonceTag(3), business: BusinessTag(1),
                entities: EntitySet(bits: 2), generation: 1),
            hasMore: more, recordCount: records)
    }

    static func mark(_ seq: Int64) -> Mark { Mark(seq: Seq(seq), nonce: NonceTag(3)) }

    @Test func aRoundIsReadToItsEndAndThenJoins() {
        var state = StreamState(at: Self.mark(10))
        #expect(state.read(page: Self.page(50, more: true, records: 100)) == .writeAndReadOn)
        #expect(state.reached.seq == Seq(50))
        #expect(state.read(page: Self.page(80, more: false, records: 7)) == .writeAndJoin)
        #expect(state.position.seq == Seq(80))
        #expect(state.replayed == 107)
    }

    @Test func anEmptyLastPageMovesThePositionOnlyWithReady() throws {
        var state = StreamState(at: Self.mark(10))
        #expect(state.read(page: Self.page(80, more: false, records: 0)) == .join)
        #expect(state.reached.seq == Seq(10), "the client was told nothing beyond 10")
        #expect(state.position.seq == Seq(80))
        let live = state.becomeLive(through: Self.mark(75))
        let ready = try #require(live)
        #expect(ready.from == Seq(10), "ready covers what no frame said")
        #expect(ready.to.seq == Seq(80), "a read beyond what was published is still the client's")
    }

    /// A page or a frame after an empty page begins where that page ended.
    @Test func whatFollowsAnEmptyPageIsAnnouncedFirst() throws {
        var state = StreamState(at: Self.mark(10))
        let nothing = state.tellAhead()
        #expect(nothing == nil)
        _ = state.read(page: Self.page(80, more: false, records: 0))
        let first = state.tellAhead()
        let told = try #require(first)
        #expect(told.from == Seq(10) && told.to == Self.mark(80))
        #expect(state.reached == Self.mark(80) && state.position == Self.mark(80))
        let again = state.tellAhead()
        #expect(again == nil)
    }

    @Test func readyNeverGoesBackAndIsNotRepeatedWithoutNeed() throws {
        var state = StreamState(at: Self.mark(10))
        let first = state.becomeLive(through: Self.mark(30))
        #expect(first?.to.seq == Seq(30))
        let second = state.becomeLive(through: Self.mark(40))
        #expect(second == nil)
        _ = state.read(page: Self.page(90, more: false, records: 0))
        let third = state.becomeLive(through: Self.mark(40))
        let again = try #require(third)
        #expect(again.from == Seq(30) && again.to.seq == Seq(90), "told again: a page moved it silently")
    }
}
