// What is said to those who come when all places are taken: streams are asked back later in their own words,
// everything else is 503. One request, then the connection ends.

import FanOut
import HTTP

/// Answers connections beyond the limit. Lives on the loop of its reception.
final class Overload: Responder {
    private unowned let reception: Reception

    init(_ reception: Reception) { self.reception = reception }

    func respond(to request: Request, on exchange: Exchange) {
        let services = reception.services
        var call = Call(request: request, exchange: exchange, services: services)
        if case .stream = Route(request.target.path, services.catalogue), request.method == "GET" {
            return reception.turnAway(call, .overload, retryMilliseconds: 30_000)
        }
        call.countsAllTheSame()
        call.answer(
            Refused.unavailable(retryAfterSeconds: 30).response.adding([("Connection", "close")]))
    }

    func answered(_ answer: Answered) { reception.answered(answer) }
}
