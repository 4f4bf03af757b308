// A device that uploads: operations as JSON values, batches of them, and what became of each.

import Foundation
import Testing
import TidingsTesting

/// One device with the right to write. Used by one thread at a time.
struct Uploader {
    let daemon: Daemon
    let business: Int
    let token: String
    let device: String

    /// A registered device of a new business.
    init(_ daemon: Daemon, device: String = "till") throws {
        let (business, owner) = try daemon.newBusiness()
        try self.init(daemon, business: business, owner: owner, device: device)
    }

    init(_ daemon: Daemon, business: Int, owner: String, device: String) throws {
        self.daemon = daemon
        self.business = business
        self.device = device
        token = try daemon.register(device, by: owner)
    }

    /// Sends operations.
    ///
    /// - Parameter more: Further members of the body.
    func send(
        _ operations: [[String: Any]], key: String? = nil, _ more: [String: Any] = [:]
    ) throws -> UploadAnswer {
        let body = more.merging(["operations": operations]) { first, _ in first }
        return try send(text: Self.json(body), key: key)
    }

    func send(text: String, key: String? = nil) throws -> UploadAnswer {
        UploadAnswer(
            try daemon.ask(
                "POST", "/api/v1/sync/batch", token: token,
                headers: key.map { [("Idempotency-Key", $0)] } ?? [], body: text))
    }

    static func json(_ value: Any) throws -> String {
        String(
            decoding: try JSONSerialization.data(withJSONObject: value, options: .sortedKeys), as: UTF8.self)
    }

    /// An operation with an id of its own.
    static func operation(
        _ action: String, _ entity: String, id: Any? = nil, _ data: [String: Any]? = nil,
        _ more: [String: Any] = [:]
    ) -> [String: Any] {
        var operation: [String: Any] = [
            "op_id": UUID().uuidString.lowercased(), "entity": entity, "action": action,
        ]
        if let id { operation["id"] = id }
        if let data { operation["data"] = data }
        return operation.merging(more) { _, new in new }
    }

    /// A sale of one variant in one group.
    static func sale(warehouse: Int, variant: Int, quantity: String = "2.000") -> [[String: Any]] {
        let group: [String: Any] = ["group": UUID().uuidString]
        let sale = operation("create", "sales", ["warehouse_id": warehouse, "total": "5.00"], group)
        let item = operation(
            "create", "sale_items",
            ["sale_id": ["$ref": sale["op_id"]], "variant_id": variant, "quantity": quantity], group)
        return [sale, item]
    }

    /// A warehouse and a product with a variant.
    func stockShop() throws -> (warehouse: Int, variant: Int, product: Int) {
        let ids = try daemon.sql(
            """
            INSERT INTO warehouses(business_id,name) VALUES(\(business),'main') RETURNING id;
            INSERT INTO products(business_id,name,price) VALUES(\(business),'tea','2.50') RETURNING id;
            INSERT INTO product_variants(business_id,product_id,name)
              SELECT \(business),max(id),'small' FROM products WHERE business_id=\(business) RETURNING id;
            """
        ).split(separator: "\n").compactMap { Int($0) }
        try #require(ids.count == 3)
        return (ids[0], ids[2], ids[1])
    }
}

/// The answer to a batch.
struct UploadAnswer {
    let answer: Answer

    init(_ answer: Answer) { self.answer = answer }

    var status: Int { answer.status }
    var json: [String: Any] { answer.json ?? [:] }
    var results: [[String: Any]] { json["results"] as? [[String: Any]] ?? [] }
    var statuses: [String] { results.map { $0["status"] as? String ?? "?" } }
    var success: Bool? { json["success"] as? Bool }
    var error: String? { json["error"] as? String }
    /// Of the form as a whole.
    var errors: [String: [String]] { json["errors"] as? [String: [String]] ?? [:] }
    var checkpoint: (epoch: String, seq: Int64)? {
        guard let checkpoint = json["checkpoint"] as? [String: Any],
            let epoch = checkpoint["epoch"] as? String,
            let seq = (checkpoint["seq"] as? NSNumber)?.int64Value
        else { return nil }
        return (epoch, seq)
    }

    func id(_ index: Int) throws -> Int {
        try #require((results[index]["id"] as? NSNumber)?.intValue, "\(json)")
    }
    func version(_ index: Int) -> Int? { (results[index]["version"] as? NSNumber)?.intValue }
    func httpStatus(_ index: Int) -> Int? { (results[index]["http_status"] as? NSNumber)?.intValue }
    func error(_ index: Int) -> String? { results[index]["error"] as? String }
    func errors(_ index: Int) -> [String: [String]] { results[index]["errors"] as? [String: [String]] ?? [:] }
    /// How many of a status the summary tells.
    func count(_ status: String) -> Int? {
        ((json["summary"] as? [String: Any])?[status] as? NSNumber)?.intValue
    }
}
