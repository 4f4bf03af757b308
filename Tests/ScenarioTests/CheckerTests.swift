// The checker is checked: each rule of the stream is broken on purpose, and the reference till notices. A
// wrong id is a lost change: breaking one of these lost data in 30 to 258 of 500 modelled histories.

import Domain
import Foundation
import Testing
import TidingsTesting

@Suite struct CheckerTests {
    static let scope = Scope(business: BusinessID(1), entities: EntitySet(bits: 2))
    static let epoch = Epoch(7)

    static func token(_ seq: Int64) -> String {
        Head(epoch: epoch, seq: Seq(seq), nonce: .none).token(for: scope, generation: 1).text
    }

    static func event(_ type: String, id: String, from: Int64, to: Int64, _ more: String = "") -> StreamEvent
    {
        let data = #"{"epoch":"\#(epoch)","from":\#(from),"to":\#(to)\#(more)}"#
        return StreamEvent(type: type, data: data, lastEventID: id, carriedID: !id.isEmpty)
    }

    static func change(
        from: Int64, to: Int64, id: String? = nil, version: Int = 1, total: Int = 1, record: Int = 1
    ) -> StreamEvent {
        var digest = Digest()
        digest.add(.integer(Int64(record)), version: Int64(version))
        let data =
            #","data":{"products":{"created":[{"id":\#(record),"version":\#(version)}],"updated":[],"#
            + #""deleted":[],"total":\#(total),"digest":"\#(digest.hex)"}},"#
            + #""sync_token":"\#(token(to))","has_more":false"#
        return event("change", id: id ?? token(to), from: from, to: to, data)
    }

    /// A till at position 10 with an empty copy.
    static func till() -> Till {
        var till = Till(entities: ["products"])
        till.full(
            Data(
                (#"{"full":true,"data":{"products":{"created":[],"updated":[],"deleted":[],"total":0,"#
                    + #""digest":"00000000000000"}},"sync_token":"\#(token(10))","#
                    + #""epoch":"\#(epoch)","from":0,"to":10,"has_more":false}"#).utf8))
        till.streamOpened()
        return till
    }

    @Test func anHonestStreamIsNotComplainedOf() {
        var till = Self.till()
        #expect(till.receive(Self.event("hello", id: Self.token(10), from: 10, to: 10)) == .drop)
        #expect(till.receive(Self.change(from: 10, to: 12)) == .apply)
        #expect(till.receive(Self.event("ready", id: Self.token(13), from: 12, to: 13)) == .apply)
        #expect(till.receive(Self.event("heartbeat", id: Self.token(15), from: 12, to: 15)) == .apply)
        #expect(till.receive(Self.change(from: 12, to: 14)) == .drop, "old news")
        #expect(till.violations.isEmpty, "\(till.violations)")
    }

    @Test func aLostFrameIsNoticedByWhateverComesNext() {
        for next in [
            Self.change(from: 12, to: 14, version: 2),
            Self.event("heartbeat", id: Self.token(14), from: 12, to: 14),
            Self.event("ready", id: Self.token(14), from: 12, to: 14),
        ] {
            var till = Self.till()
            #expect(till.receive(next) == .missing, "\(next.type)")
        }
    }

    @Test(arguments: [
        ("hello carries the head", event("hello", id: token(14), from: 14, to: 14)),
        ("a change's id is another", change(from: 10, to: 12, id: token(14))),
        ("a heartbeat's id is the database's head", event("heartbeat", id: token(20), from: 10, to: 12)),
        ("ready's id is not its position", event("ready", id: token(20), from: 10, to: 12)),
        (
            "reset carries the head",
            StreamEvent(type: "reset", data: #"{"reason":"epoch"}"#, lastEventID: token(14), carriedID: true)
        ),
        (
            "bye carries an id",
            StreamEvent(type: "bye", data: #"{"reason":"drain"}"#, lastEventID: token(10), carriedID: true)
        ),
        ("a total that is not true", change(from: 10, to: 12, total: 2)),
        (
            "an event of another epoch",
            event("heartbeat", id: token(12), from: 10, to: 12).inEpoch("000000000008")
        ),
        ("an unknown event", event("news", id: token(12), from: 10, to: 12)),
    ])
    func everyBrokenRuleIsNoticed(_ name: String, _ broken: StreamEvent) {
        var till = Self.till()
        _ = till.receive(broken)
        #expect(!till.violations.isEmpty, "\(name) went unnoticed")
    }

    @Test func completenessAfterAResetIsNoticed() {
        var till = Self.till()
        _ = till.receive(
            StreamEvent(
                type: "reset", data: #"{"reason":"epoch"}"#, lastEventID: SyncToken.nullText, carriedID: true)
        )
        #expect(till.violations.isEmpty && !till.hasCopy)
        _ = till.receive(Self.event("heartbeat", id: Self.token(14), from: 10, to: 14))
        #expect(!till.violations.isEmpty)
    }

    @Test func bytesOfAnotherBusinessAreNoticed() {
        var till = Self.till()
        till.foreignCanaries = ["canary-2-"]
        _ = till.receive(
            Self.event("heartbeat", id: Self.token(12), from: 10, to: 12, #","x":"canary-2- tea""#))
        #expect(!till.violations.isEmpty)
    }
}

extension StreamEvent {
    fileprivate func inEpoch(_ epoch: String) -> StreamEvent {
        var event = self
        event.data = data.replacingOccurrences(of: "\(CheckerTests.epoch)", with: epoch)
        return event
    }
}
