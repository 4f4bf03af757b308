// Thinks of operations as devices would, right and wrong ones.

import Domain
import Foundation

/// Makes operations. A value.
struct UploadPlanner {
    let warehouse: Int
    let variant: Int
    var random: SeededRandom
    /// What the records are called in the database, by handle, as far as it was told.
    var ids: [String: Int] = [:]
    private var number = 0

    init(warehouse: Int, variant: Int, random: SeededRandom) {
        self.warehouse = warehouse
        self.variant = variant
        self.random = random
    }

    mutating func price() -> String { "\(Int.random(in: 1...9, using: &random)).00" }

    /// Operations that stand or fall together.
    mutating func group(_ model: UploadModel) -> [PlannedOperation] {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<15: [product()]
        case 15..<25: [party()]
        case 25..<45: sale(model)
        case 45..<75: [update(model)].compactMap(\.self)
        case 75..<85: [delete(model)].compactMap(\.self)
        case 85..<92: ownRecordTwice()
        case 92..<96: [invalid()]
        default: [hopeless()]
        }
    }

    /// The same ids with other content.
    mutating func forgery(of group: [PlannedOperation]) -> [PlannedOperation] {
        group.map { operation in
            var json = invalid().json
            json["op_id"] = operation.id
            return PlannedOperation(id: operation.id, deed: .invalid, json: json)
        }
    }

    private mutating func operationID() -> String {
        UUID(uuid: (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }.uuid).uuidString
            .lowercased()
    }

    private mutating func make(
        _ deed: PlannedOperation.Deed, _ action: String, _ entity: String, _ more: [String: Any?]
    ) -> PlannedOperation {
        let id = operationID()
        let json: [String: Any] = ["op_id": id, "entity": entity, "action": action]
        return PlannedOperation(id: id, deed: deed, json: json.merging(more.compactMapValues(\.self)) { $1 })
    }

    private mutating func product() -> PlannedOperation {
        number += 1
        var fields = ["name": "product \(number)", "price": price()]
        if Bool.random(using: &random) { fields["sku"] = "sku-\(Int.random(in: 0...30, using: &random))" }
        return make(
            .create(entity: "products", fields: fields, targets: [:]), "create", "products", ["data": fields])
    }

    private mutating func party() -> PlannedOperation {
        number += 1
        let fields = ["name": "party \(number)", "phone": "\(number)"]
        return make(
            .create(entity: "parties", fields: fields, targets: [:]), "create", "parties", ["data": fields])
    }

    private mutating func sale(_ model: UploadModel) -> [PlannedOperation] {
        number += 1
        let fields = ["note": "sale \(number)", "client_id": "device-\(number)"]
        var data: [String: Any] = ["warehouse_id": warehouse, "note": "sale \(number)"]
        var targets: [String: String] = [:]
        if Bool.random(using: &random), let party = pick(model, "parties"), let id = ids[party] {
            targets["party_id"] = party
            data["party_id"] =
                Bool.random(using: &random) && party != "tea" ? ["$ref": party] as [String: Any] : id
        }
        let sale = make(
            .create(entity: "sales", fields: fields, targets: targets), "create", "sales",
            ["data": data, "client_id": "device-\(number)"])
        let lines = (0..<Int.random(in: 1...3, using: &random)).map { _ in
            let quantity = "\(Int.random(in: 1...5, using: &random)).000"
            return make(
                .create(entity: "sale_items", fields: ["quantity": quantity], targets: ["sale_id": sale.id]),
                "create", "sale_items",
                [
                    "data": ["sale_id": ["$ref": sale.id], "variant_id": variant, "quantity": quantity]
                        as [String: Any]
                ])
        }
        // Sometimes a line is wrong, and the sale falls with it.
        return [sale] + lines + (Int.random(in: 0..<6, using: &random) == 0 ? [invalid()] : [])
    }

    /// A record whose id was told, dead or alive.
    private mutating func pick(_ model: UploadModel, _ entity: String) -> String? {
        ids.keys.sorted().filter { model.records[$0]?.entity == entity }.randomElement(using: &random)
    }

    private mutating func update(_ model: UploadModel) -> PlannedOperation? {
        let entity = ["products", "products", "parties", "sales"].randomElement(using: &random) ?? "products"
        guard let handle = pick(model, entity), let record = model.records[handle], let id = ids[handle]
        else {
            return nil
        }
        var to: [String: String] = [:]
        switch entity {
        case "products":
            if Bool.random(using: &random) { to["price"] = price() }
            if Bool.random(using: &random) { to["name"] = "name \(Int.random(in: 0...3, using: &random))" }
        case "parties": to["phone"] = "phone \(Int.random(in: 0...3, using: &random))"
        default: to["note"] = "note \(Int.random(in: 0...3, using: &random))"
        }
        if to.isEmpty { to["price"] = price() }
        // Often what the device knows is old.
        let base = record.history.keys.sorted().randomElement(using: &random).flatMap {
            Bool.random(using: &random) ? $0 : record.version
        }
        let withBase = Bool.random(using: &random)
        let from = withBase ? record.history[base ?? 0]?.filter { to[$0.key] != nil } : nil
        let saidBase = Int.random(in: 0..<8, using: &random) == 0 ? nil : base
        let deed = PlannedOperation.Deed.update(
            record: handle, byReference: false, base: saidBase, from: from?.isEmpty == true ? nil : from,
            to: to)
        return make(deed, "update", entity, ["id": id, "base_version": saidBase, "base": from, "data": to])
    }

    private mutating func delete(_ model: UploadModel) -> PlannedOperation? {
        let entity = ["products", "parties", "sales"].randomElement(using: &random) ?? "products"
        guard let handle = pick(model, entity), let record = model.records[handle], let id = ids[handle],
            handle != "tea"
        else { return nil }
        let base = Int.random(in: 0..<4, using: &random) == 0 ? 1 : record.version
        return make(
            .delete(record: handle, byReference: false, base: base), "delete", entity,
            ["id": id, "base_version": base])
    }

    /// Made and changed while nobody was looking: its id is not known yet.
    private mutating func ownRecordTwice() -> [PlannedOperation] {
        let made = product()
        let to = ["price": price()]
        let changed = make(
            .update(record: made.id, byReference: true, base: nil, from: nil, to: to), "update", "products",
            ["id": ["$ref": made.id], "data": to])
        return [made, changed]
    }

    private mutating func invalid() -> PlannedOperation {
        let data: [[String: Any]] = [
            ["price": "1.00"], ["name": 7], ["name": "x", "version": 9], ["name": "x", "price": "a"],
        ]
        return make(.invalid, "create", "products", ["data": data.randomElement(using: &random) ?? [:]])
    }

    private mutating func hopeless() -> PlannedOperation {
        Bool.random(using: &random)
            ? make(.hopeless, "create", "categories", ["data": ["name": "x"]])
            : make(
                .hopeless, "update", "products",
                ["id": 999_999_999, "base_version": 1, "data": ["price": "1.00"]])
    }
}

extension Array where Element == UInt8 {
    fileprivate var uuid: uuid_t {
        (
            self[0], self[1], self[2], self[3], self[4], self[5], self[6], self[7], self[8], self[9],
            self[10],
            self[11], self[12], self[13], self[14], self[15]
        )
    }
}
