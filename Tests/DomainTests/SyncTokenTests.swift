// What a token promises: one spelling, no trap, and a refusal for every scope it was not made for.

import Domain
import Testing

@Suite struct SyncTokenTests {
    static let token = SyncToken(
        epoch: Epoch(0x9C41_0F00_12AB), pos: Seq(10_422), base: Seq(10_419), nonce: NonceTag(0xBEEF),
        business: BusinessTag(of: BusinessID(7)), entities: EntitySet(bits: 0b111_1111_1110),
        generation: 77_123)

    @Test func aTokenSurvivesItsText() {
        #expect(SyncToken.parse(Self.token.text) == .token(Self.token))
        #expect(Self.token.text.utf8.count <= 44)
    }

    @Test func aPageOfARoundFromNothingRemembersWhereThatBegan() {
        var token = Self.token
        token.begun = Seq(99_999)
        #expect(SyncToken.parse(token.text) == .token(token))
        #expect(SyncToken.parse(token.text + "A") == .malformed)
        #expect(token.text.utf8.count <= 48)
    }

    @Test func everySingleBitFlipIsMalformedOrAnotherToken() {
        let text = Array(Self.token.text.utf8)
        for index in text.indices {
            for bit in 0..<8 {
                var flipped = text
                flipped[index] ^= 1 << UInt8(bit)
                let parsed = SyncToken.parse(String(decoding: flipped, as: UTF8.self))
                #expect(parsed != .token(Self.token))
            }
        }
    }

    @Test(arguments: ["", "A", "AA=", "AAAA", " ", "AQ", "////", String(repeating: "A", count: 81), "AA\n"])
    func hostileTextsAreMalformed(_ text: String) {
        #expect(SyncToken.parse(text) == .malformed)
    }

    @Test func aTokenIsRefusedOutsideItsScope() {
        let token = Self.token
        let own = Scope(business: BusinessID(7), entities: EntitySet(bits: 0b10))
        #expect(token.refusal(for: own, generation: 77_123) == nil)
        #expect(token.refusal(for: own, generation: 1)?.reason == .scope)
        let foreign = Scope(business: BusinessID(8), entities: own.entities)
        #expect(token.refusal(for: foreign, generation: 77_123)?.reason == .scope)
        let more = Scope(business: BusinessID(7), entities: EntitySet(bits: 1 << 20 | 0b10))
        #expect(token.refusal(for: more, generation: 77_123)?.entities == EntitySet(bits: 1 << 20))
    }
}
