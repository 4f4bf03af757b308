// What is said to those who come when all places are taken: streams are asked back later in their own words,
// everything else is 503. One request, then the connection ends.

import FanOut
import HTTP

/// Answers connections beyond the limit. Lives on the loop of its reception.
final class Overload: Responder {
    private unowned let reception: Reception

    init(_ reception: Reception) { self.reception = reception }

    func respond(to request: Request, on exchange: Exchange) {
        if case .stream = Route(path: request.target.path), request.method == "GET" {
            return reception.turnAway(exchange, request, .overload, retryMilliseconds: 30_000)
        }
        let call = Call(request: request, exchange: exchange, services: reception.services)
        call.answer(
            Refused.unavailable(retryAfterSeconds: 30).response.adding([("Connection", "close")]))
    }

    func answered(_ request: Request?, status: Int, bytes: Int) {
        reception.answered(request, status: status, bytes: bytes)
    }
}
