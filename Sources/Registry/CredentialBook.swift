// Every token in memory, so that a stream or a request is authenticated with one hash and one look-up on its
// own loop, without a database. The registry writes it: whole when the file was changed by somebody else,
// token by token when it was changed by us. Nothing that costs more than a look-up happens under its lock.

public import Domain
import Synchronization
import Telemetry

/// Checks credentials. From any lane.
public final class CredentialBook: Sendable {
    private struct Content {
        var pages = CredentialPages()
        /// When each token was last used, since that was last written down.
        var uses: [TokenID: Timestamp] = [:]
    }

    private let content = Mutex(Content())

    public init() {}

    /// Judges the text behind `Bearer `, and notes the use of a good token.
    ///
    /// - Complexity: One SHA-256, one look-up; no I/O.
    public func check(bearer text: String, now: Timestamp) -> Verdict {
        let verdict = judge(text, now)
        Self.checks.add(verdict.outcome)
        return verdict
    }

    /// Whether the text is well-formed and the book has no such token: it may have been made a moment ago by
    /// another process. Not counted as a check.
    public func isStranger(_ text: String, now: Timestamp) -> Bool { judge(text, now) == .unknown }

    /// Judges a token that was proven otherwise: by a ticket.
    public func check(token: TokenID, now: Timestamp) -> Verdict {
        judge(now, proof: nil) { $0.byID[token] }
    }

    private func judge(_ text: String, _ now: Timestamp) -> Verdict {
        guard (8...256).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return .malformed
        }
        guard let bar = text.utf8.firstIndex(of: 0x7C) else {
            let hash = SecretHash(of: text)
            return judge(now, proof: hash) { $0.entry(with: hash) }
        }
        let digits = text[..<bar].utf8
        guard digits.allSatisfy({ (0x30...0x39).contains($0) }), let id = Int64(text[..<bar]) else {
            return .malformed
        }
        let hash = SecretHash(of: text[bar...].utf8.dropFirst())
        return judge(now, proof: hash) { $0.byID[TokenID(id)] }
    }

    private func judge(
        _ now: Timestamp, proof: SecretHash?, _ find: (CredentialPages) -> TokenEntry?
    ) -> Verdict {
        content.withLock { content in
            guard let entry = find(content.pages), proof?.matches(entry.hash) ?? true else { return .unknown }
            let verdict = entry.verdict(at: now)
            if case .granted = verdict { content.uses[entry.id] = now }
            return verdict
        }
    }

    // MARK: The registry's side

    /// Replaces everything. The old pages are let go outside the lock.
    func replace(with pages: CredentialPages) {
        _ = content.withLock { content in
            let old = content.pages
            content.pages = pages
            return old
        }
    }

    /// Replaces one token; nil removes it.
    func set(_ id: TokenID, to entry: TokenEntry?) { content.withLock { $0.pages.set(id, to: entry) } }

    /// What was used since the last call.
    func takeUses() -> [TokenID: Timestamp] {
        content.withLock { content in
            let uses = content.uses
            content.uses = [:]
            return uses
        }
    }

    // MARK: Counted

    enum Outcome: String, MetricLabel { case granted, malformed, unknown, expired, revoked }

    static let checks = LabelledCounter<Outcome>(
        "tidings_credential_checks_total", help: "Bearer tokens that were judged, by verdict.",
        label: "verdict")
}

extension Verdict {
    fileprivate var outcome: CredentialBook.Outcome {
        switch self {
        case .granted: .granted
        case .malformed: .malformed
        case .unknown: .unknown
        case .expired: .expired
        case .revoked: .revoked
        }
    }
}
