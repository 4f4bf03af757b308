// Where the tailer's snapshots go. The user of the tailer declares what it needs: FanOut's hub is the real
// one.

public import Domain

/// Takes what the tailer read. Lives on the tailer's lane; every call comes from there, in order.
public protocol TailSink: AnyObject {
    /// Who is listening: asked before every read.
    var interest: Interest { get }

    /// The history that positions belong to from here on: at start, and whenever the database turned out to
    /// be another one. Positions of an older epoch mean nothing any more.
    func historyBegan(at head: Head)

    /// One snapshot that moved the head. No read transaction is open during the call.
    func publish(_ snapshot: JournalSnapshot)
}
