// The history and catalogue that this gateway served first. Their records have the plain tags, `"v5"`; those
// of a later history or of another shape have longer ones, since they give the same versions to other bytes.

import Domain
import Registry
import Synchronization

/// One history, shown as one catalogue shows it.
struct Edition: Hashable, Sendable {
    let epoch: Epoch
    let generation: UInt32
}

/// Set once, when the journal has been opened. From any lane.
final class FirstEdition: Sendable {
    private let edition = Mutex<Edition?>(nil)

    var value: Edition? { edition.withLock { $0 } }
    func set(_ edition: Edition) { self.edition.withLock { $0 = edition } }
}

extension Edition {
    /// The first edition of the gateway whose registry this is: `now`, if none is written down yet.
    static func first(_ registry: Registry, now: Edition) throws -> Edition {
        let text = try registry.remembered("edition", or: "\(now.epoch) \(now.generation)")
        let words = text.split(separator: " ")
        guard words.count == 2, let epoch = Epoch(hex: String(words[0])), let generation = UInt32(words[1])
        else { return now }
        return Edition(epoch: epoch, generation: generation)
    }
}
