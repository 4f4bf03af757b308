// Who has a stream, over all shards: what admission looks at. A device may hold a few; beyond, the newcomer
// is turned away, unless one of the old is probably gone: then that one is. Tabs never throw each other out
// in turn. And which entity sets have tails of their own: encoding is for all shards at once, so the bound is
// over all of them.

public import Domain
import Synchronization

/// How many streams may be open. 0 means no limit.
public struct StreamLimits: Hashable, Sendable {
    public var total: Int
    public var perBusiness: Int
    public var perDevice: Int
    public var perAddress: Int

    public init(total: Int, perBusiness: Int, perDevice: Int, perAddress: Int) {
        self.total = total
        self.perBusiness = perBusiness
        self.perDevice = perDevice
        self.perAddress = perAddress
    }
}

/// What admission says to a newcomer.
public enum Admission: Hashable, Sendable {
    case welcome
    /// Welcome, once this stream of the same device is closed: its peer was silent for two heartbeats.
    case inPlaceOf(StreamID, shard: Int)
    case tooMany(ofDevice: Bool)
}

/// All open streams of this process. From any lane.
public final class StreamRoster: Sendable {
    private struct Device: Hashable {
        let business: BusinessID
        let device: String
    }
    private struct Entry {
        let stream: StreamID
        let shard: Int
        var isSilent = false
    }
    private struct Book {
        var total = 0
        var ofBusiness: [BusinessID: Int] = [:]
        var ofAddress: [String: Int] = [:]
        var ofDevice: [Device: [Entry]] = [:]
        /// For each entity set that has a tail, how many shards have it.
        var tails: [BusinessID: [EntitySet: Int]] = [:]
    }

    private let book = Mutex(Book())
    private let limits: Mutex<StreamLimits>

    public init(limits: StreamLimits) { self.limits = Mutex(limits) }

    /// Replaces the limits for streams to come.
    public func setLimits(_ limits: StreamLimits) { self.limits.withLock { $0 = limits } }

    public var total: Int { book.withLock { $0.total } }

    /// Enters a stream, or says why not.
    public func admit(_ stream: StreamID, _ identity: StreamIdentity, shard: Int) -> Admission {
        let limits = limits.withLock { $0 }
        func isOver(_ count: Int, _ limit: Int) -> Bool { limit > 0 && count >= limit }
        return book.withLock { book in
            let device = Device(business: identity.business, device: identity.device)
            if isOver(book.total, limits.total)
                || isOver(book.ofBusiness[identity.business] ?? 0, limits.perBusiness)
                || isOver(book.ofAddress[identity.address] ?? 0, limits.perAddress)
            {
                return .tooMany(ofDevice: false)
            }
            var admission = Admission.welcome
            if let others = book.ofDevice[device], isOver(others.count, limits.perDevice) {
                guard let gone = others.first(where: \.isSilent) else { return .tooMany(ofDevice: true) }
                admission = .inPlaceOf(gone.stream, shard: gone.shard)
            }
            book.total += 1
            book.ofBusiness[identity.business, default: 0] += 1
            book.ofAddress[identity.address, default: 0] += 1
            book.ofDevice[device, default: []].append(Entry(stream: stream, shard: shard))
            return admission
        }
    }

    /// Strikes a stream that was admitted.
    public func remove(_ stream: StreamID, _ identity: StreamIdentity) {
        book.withLock { book in
            book.total -= 1
            Self.decrease(&book.ofBusiness, identity.business)
            Self.decrease(&book.ofAddress, identity.address)
            let device = Device(business: identity.business, device: identity.device)
            book.ofDevice[device]?.removeAll { $0.stream == stream }
            if book.ofDevice[device]?.isEmpty == true { book.ofDevice[device] = nil }
        }
    }

    /// Notes whether a stream's peer still acknowledges what is sent to it.
    func mark(_ stream: StreamID, _ identity: StreamIdentity, silent: Bool) {
        book.withLock { book in
            let device = Device(business: identity.business, device: identity.device)
            guard let index = book.ofDevice[device]?.firstIndex(where: { $0.stream == stream }) else {
                return
            }
            book.ofDevice[device]?[index].isSilent = silent
        }
    }

    /// Enters a shard's new tail, unless its business has `max` other entity sets with tails already.
    func openTail(_ key: TailKey, max: Int) -> Bool {
        book.withLock { book in
            let sets = book.tails[key.business] ?? [:]
            guard sets[key.entities] != nil || sets.count < max else { return false }
            book.tails[key.business, default: [:]][key.entities, default: 0] += 1
            return true
        }
    }

    /// Strikes a shard's tail.
    func closeTail(_ key: TailKey) {
        book.withLock { book in
            guard var sets = book.tails[key.business] else { return }
            Self.decrease(&sets, key.entities)
            book.tails[key.business] = sets.isEmpty ? nil : sets
        }
    }

    private static func decrease<Name: Hashable>(_ counts: inout [Name: Int], _ name: Name) {
        guard let count = counts[name] else { return }
        counts[name] = count > 1 ? count - 1 : nil
    }
}
