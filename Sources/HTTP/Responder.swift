// Who answers the requests of a connection, and at what pace they must come.

public import Lanes

/// Decides what is answered. Lives on the loop.
public protocol Responder: AnyObject {
    /// Leads to exactly one `answer`, or to `takeOver`, now or later.
    func respond(to request: Request, on exchange: Exchange)
    /// What is said of a request that did not come whole; only its head is known.
    func refusal(_ response: Response, of head: Request, on exchange: Exchange) -> Response
    /// An answer was written whole or given up; for logs and counts.
    func answered(_ answer: Answered)
}

extension Responder {
    public func refusal(_ response: Response, of head: Request, on exchange: Exchange) -> Response {
        response
    }
}

/// What became of an answer.
public struct Answered: Sendable {
    /// Nil: there was none that could be understood.
    public let request: Request?
    /// 499: the peer had gone.
    public let status: Int
    /// Written, head included.
    public let bytes: Int
    /// From the request's last byte on.
    public let duration: Duration
    /// The answer's.
    public let receipt: (any Sendable)?
}

/// Paces and bounds of a connection.
public struct ExchangeSettings: Sendable {
    public var parser = ParserLimits()
    public var headTime = Duration.seconds(10)
    public var bodyTime = Duration.seconds(30)
    /// How often it is looked at what the peer has taken meanwhile.
    public var writeTime = Duration.seconds(10)
    /// Of an answer, in a second: less is not waited for.
    public var writePaceBytes = 1_024
    public var idleTime = Duration.seconds(75)
    /// After an error, for the peer to read it.
    public var lingerTime = Duration.seconds(1)
    /// And how much of what it still sends is passed over meanwhile.
    public var lingerBytesMax = 256 * 1_024
    /// Pipelined bytes held while an answer is under way.
    public var aheadBytesMax = 16 * 1_024
    /// What all exchanges together hold of requests.
    public var budget = ByteBudget(bytesMax: 256 * 1_024 * 1_024)
    public var owed = AnswersOwed()

    public init() {}
}
