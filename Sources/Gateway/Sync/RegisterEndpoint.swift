// POST /sync/register: binds a device to a business and gives it a token. docs/PROTOCOL.md § Register.

import Domain
import FanOut
import HTTP
import Lanes
import Registry
import Settings

extension Reception {
    func register(_ call: Call) {
        var call = call
        let body: JSONValue
        // Nobody has said yet who is asking: what a stranger sends is not read at length on the loop.
        guard call.request.body.count <= RegistrationForm.bytesMax else {
            guard call.isWithin(.general) else { return }
            return call.answer(.error(413, "content_too_large", "A registration is at most 16 KiB."))
        }
        do {
            body = try StrictJSON.parse(call.request.body)
        } catch {
            guard call.isWithin(.general) else { return }
            return call.answer(.error(400, "bad_json", error.description))
        }
        let form = RegistrationForm(body)
        guard form.failures.isEmpty, let description = form.description else {
            guard call.isWithin(.general) else { return }
            return call.answer(.invalid(form.failures))
        }
        var grant: Grant?
        if let code = form.enrolmentCode {
            guard call.isWithin(.general, of: .registrationsWith(code: SecretHash(of: code))) else { return }
        } else {
            switch authenticate(call) {
            case .success(let own): grant = own
            case .failure(let refused): return call.refuse(refused)
            }
            guard let grant, call.isWithin(.general, of: .registrations(RatePayer(grant))) else { return }
        }
        let (answer, refuse) = (call.later, call.laterRefusal)
        let services = services
        services.registry.post { [code = form.enrolmentCode, grant] registry in
            do {
                let made: (grant: Grant, token: Secret)
                if let grant {
                    made = try registry.register(description, by: grant)
                } else {
                    made = try registry.register(description, code: code ?? "")
                }
                var response = Response.json(
                    services.welcome(made.grant, made.token, description), status: 201,
                    fields: [("Cache-Control", "no-store")])
                response.receipt = SyncFigures(grant: made.grant)
                answer(response)
            } catch RegistryError.badEnrolmentCode {
                refuse(.unauthenticated)
            } catch RegistryError.notAllowed {
                answer(Refused.forbidden.response)
            } catch {
                answer(Refused.unavailable(retryAfterSeconds: 1).response)
            }
        }
    }
}

/// The fields of a registration, checked. A value.
struct RegistrationForm {
    static let bytesMax = 16_384

    private(set) var failures: [(field: String, message: String)] = []
    private(set) var description: DeviceDescription?
    private(set) var enrolmentCode: String?

    init(_ body: JSONValue) {
        let device = text(body, "device_id", "device id", required: true, lengthMax: 128)
        let name = text(body, "name", "name", required: true, lengthMax: 200)
        let platform = text(body, "platform", "platform", required: false, lengthMax: 100)
        let version = text(body, "app_version", "app version", required: false, lengthMax: 100)
        enrolmentCode = text(body, "enrolment_code", "enrolment code", required: false, lengthMax: 200)
        guard let device, let name else { return }
        guard let id = DeviceID(device) else {
            failures.append(("device_id", "The device id must be visible ASCII without spaces."))
            return
        }
        description = DeviceDescription(device: id, name: name, platform: platform, appVersion: version)
    }

    private mutating func text(
        _ body: JSONValue, _ field: String, _ title: String, required: Bool, lengthMax: Int
    ) -> String? {
        switch body[field] {
        case nil, .null:
            if required { failures.append((field, "The \(title) field is required.")) }
            return nil
        case .string(let text) where !text.isEmpty && text.utf8.count <= lengthMax: return text
        case .string(let text) where text.isEmpty:
            failures.append((field, "The \(title) field is required."))
            return nil
        case .string:
            failures.append((field, "The \(title) must not be longer than \(lengthMax) bytes."))
            return nil
        default:
            failures.append((field, "The \(title) must be a string."))
            return nil
        }
    }
}

extension Services {
    /// What a device is told once it is registered. The only place where its token is shown.
    fileprivate func welcome(_ grant: Grant, _ token: Secret, _ device: DeviceDescription) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"success\":true,\"data\":{\"device_id\":")
        json.string(device.device.text)
        json.raw(",\"business_id\":")
        json.key(grant.business.key)
        json.raw(",\"token\":")
        json.string(token.revealed)
        json.raw(",\"abilities\":[")
        for (index, name) in grant.abilities.names.enumerated() {
            if index > 0 { json.byte(0x2C) }
            json.string(name)
        }
        json.raw("],\"heartbeat_seconds\":")
        json.integer(events.heartbeatSeconds)
        json.raw(",\"poll_seconds\":")
        json.integer(configuration.pages.pollAdvice.wholeSeconds)
        json.raw(",\"entities\":[")
        for (index, entity) in catalogue.defaultSet.enumerated() {
            if index > 0 { json.byte(0x2C) }
            json.string(catalogue.name(of: entity).text)
        }
        json.raw("],\"urls\":{")
        for (index, name) in ["full", "changes", "stream", "ticket", "ack", "batch"].enumerated() {
            if index > 0 { json.byte(0x2C) }
            json.name(name)
            json.string(url("/sync/\(name)"))
        }
        json.raw("}},\"server_timestamp\":\"")
        json.raw(clock.now.utf8)
        json.raw("\"}")
        return json.bytes
    }
}
