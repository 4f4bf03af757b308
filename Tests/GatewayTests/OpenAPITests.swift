// The OpenAPI document and the routes name the same addresses and methods.

import Domain
import Foundation
import Testing

@testable import Gateway

@Suite struct OpenAPITests {
    /// What the document says: the methods of each path, sorted.
    private func documented() throws -> [String: [String]] {
        let json = try JSONSerialization.jsonObject(with: Data(Page.openAPI.bytes))
        let paths = try #require((json as? [String: Any])?["paths"] as? [String: [String: Any]])
        return paths.mapValues { $0.keys.map { $0.uppercased() }.sorted() }
    }

    @Test func itNamesEveryPathAndMethodAndNoOther() throws {
        let record = Route.record(try #require(EntityNumber(1)), id: "17")
        var served = ["/api/v1/{entity}/{id}": record.methods.sorted()]
        for (path, route) in Route.endpoints { served["/api/v1\(path)"] = route.methods.sorted() }
        for page in Page.allCases { served[page.path] = Route.page(page).methods.sorted() }
        served["/api/v1\(Page.openAPI.path)"] = Route.page(.openAPI).methods.sorted()
        #expect(try documented() == served)
    }

    @Test func operationsHaveNamesOfTheirOwn() throws {
        let text = String(decoding: Page.openAPI.bytes, as: UTF8.self)
        let names = text.matches(of: /"operationId":"([A-Za-z]+)"/).map { String($0.1) }
        #expect(names.count == (try documented()).values.map(\.count).reduce(0, +))
        #expect(Set(names).count == names.count)
    }
}
