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
        /// Tokens of the application's own that were presented.
        var application = CredentialPages()
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
        judge(now, proof: nil) { ($0.pages.byID[token] ?? $0.application.byID[token]) }
    }

    /// Whether the holder of a dead token is to forget what it knows: it was revoked, or is gone. Not if it
    /// expired, was renewed or became another one: then the holder may sign in again and go on.
    public func isShutOut(_ token: TokenID) -> Bool {
        content.withLock { content in
            guard let entry = content.pages.byID[token] ?? content.application.byID[token] else {
                return true
            }
            return entry.isShutOut
        }
    }

    private func judge(_ text: String, _ now: Timestamp) -> Verdict {
        guard let bearer = BearerToken(text) else { return .malformed }
        return judge(now, proof: bearer.hash) { content in
            // Ids of the application's tokens are counted apart: whichever has this secret is meant.
            let own = content.pages.entry(for: bearer) { TokenID($0) }
            let others = content.application.entry(for: bearer) { .application($0) }
            return own?.hash.matches(bearer.hash) == true ? own : others
        }
    }

    private func judge(
        _ now: Timestamp, proof: SecretHash?, _ find: (Content) -> TokenEntry?
    ) -> Verdict {
        content.withLock { content in
            guard let entry = find(content), proof?.matches(entry.hash) ?? true else { return .unknown }
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

    /// The same for a token of the application's own.
    func setApplication(_ id: TokenID, to entry: TokenEntry?) {
        content.withLock { $0.application.set(id, to: entry) }
    }

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
