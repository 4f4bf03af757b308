// The checker is checked: each rule of the stream is broken on purpose, and the reference till notices. A
// wrong id is a lost change: breaking one of these lost data in 30 to 258 of 500 modelled histories.

import Domain
import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct CheckerTests {
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
        ("hello's id is not its position", event("hello", id: token(10), from: 10, to: 14)),
        (
            "a live heartbeat carries the null token",
            event("heartbeat", id: SyncToken.nullText, from: 10, to: 12)
        ),
        ("an id that is no token", event("ready", id: "12", from: 10, to: 12)),
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

    /// In backlog only what was written is promised: a heartbeat that stands at the head would make the
    /// client resume behind records it was never sent.
    @Test func aHeartbeatAheadOfItsBacklogIsNoticed() {
        var till = Self.till()
        var page = Self.change(from: 10, to: 12)
        page.data = page.data.replacingOccurrences(of: #""has_more":false"#, with: #""has_more":true"#)
        #expect(till.receive(page) == .apply)
        var honest = till
        #expect(honest.receive(Self.event("heartbeat", id: Self.token(12), from: 12, to: 12)) == .drop)
        #expect(honest.violations.isEmpty, "\(honest.violations)")
        _ = till.receive(Self.event("heartbeat", id: Self.token(20), from: 12, to: 20))
        #expect(!till.violations.isEmpty)
    }

    /// Not answerable: hello itself must carry the null token, or a client that is cut before `reset` resumes
    /// from a position nobody vouched for.
    @Test func aHelloThatVouchesForWhatIsRefusedIsNoticed() {
        for (id, isHonest) in [(SyncToken.nullText, true), (Self.token(10), false)] {
            var till = Self.till()
            _ = till.receive(Self.event("hello", id: id, from: 10, to: 10))
            _ = till.receive(
                StreamEvent(
                    type: "reset", data: #"{"reason":"retention"}"#, lastEventID: SyncToken.nullText,
                    carriedID: true))
            #expect(till.violations.isEmpty == isHonest, "\(till.violations)")
        }
    }

    @Test func aRecordThatGoesBackIsNoticed() {
        var till = Self.till()
        #expect(till.receive(Self.change(from: 10, to: 12, version: 3)) == .apply)
        _ = till.receive(Self.change(from: 12, to: 14, version: 2))
        #expect(till.violations.contains { $0.contains("went back") })
    }

    /// The comparison with the journal itself: a record too many, one too few, an old version.
    @Test func aCopyThatIsNotTheDatabaseIsNoticed() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        try daemon.sql(
            """
            INSERT INTO products(id,business_id,name) VALUES(1,\(business.id),'a'),(2,\(business.id),'b');
            UPDATE products SET name='c' WHERE id=2; DELETE FROM products WHERE id=1;
            """)
        let truth = try JournalTruth(daemon, business: business.id)
        func differences(_ copy: [String: Int64], at position: Int64) -> [String] {
            truth.differences([
                Till.Checkpoint(
                    epoch: "", position: position, entities: ["products"], versions: ["products": copy],
                    why: "test")
            ])
        }
        #expect(differences(["2": 2], at: 4).isEmpty)
        #expect(differences(["1": 1, "2": 1], at: 2).isEmpty, "each position has a truth of its own")
        let wrongs: [[String: Int64]] = [[:], ["2": 1], ["1": 1, "2": 2], ["2": 2, "3": 1]]
        for wrong in wrongs {
            #expect(!differences(wrong, at: 4).isEmpty, "\(wrong)")
        }
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
