//! The methods by name, for metrics and spans. Labels come from this closed set, never from a path that a
//! client sent.

/// The name under which calls to unknown paths are counted.
pub(super) const OTHER: &str = "_OTHER";

const METHODS: [&str; 24] = [
    "passbridge.v1.RegistrationCodeService/CreateRegistrationCode",
    "passbridge.v1.RegistrationCodeService/GetRegistrationCode",
    "passbridge.v1.RegistrationCodeService/DeleteRegistrationCode",
    "passbridge.v1.RegistrationCodeService/WatchRegistrationCode",
    "passbridge.v1.DeviceInfoService/NormalizeDeviceInfo",
    "passbridge.v1.DeviceInfoService/EncodeDeviceInfo",
    "passbridge.v1.DeviceInfoService/DecodeDeviceInfo",
    "passbridge.v1.DeviceInfoService/HashIdentifier",
    "passbridge.v1.TempPassService/ResetTempPass",
    "passbridge.v1.TempPassService/ResetFlexibleTempPass",
    "passbridge.v1.TempPassService/BatchResetTempPass",
    "passbridge.v1.TempPassService/AuthorizeTempPass",
    "passbridge.v1.TempPassService/GetTempPass",
    "passbridge.v1.EntitlementService/ListMvpds",
    "passbridge.v1.EntitlementService/StartLogin",
    "passbridge.v1.EntitlementService/GetProfile",
    "passbridge.v1.EntitlementService/Authorize",
    "passbridge.v1.EntitlementService/Preauthorize",
    "passbridge.v1.EntitlementService/GetUserMetadata",
    "passbridge.v1.EntitlementService/Logout",
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/Watch",
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// The paths of the health service. It needs no authentication, because load balancers have no credentials.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// Whether a call needs no authentication. All others do, including calls to unknown methods.
pub(super) fn is_public(path: &str) -> bool {
    path.starts_with(HEALTH)
}

/// The fully qualified name of the method at a request's path.
pub(super) fn method_of(path: &str) -> &'static str {
    let name = path.trim_start_matches('/');
    METHODS.into_iter().find(|method| *method == name).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn every_method_of_the_contract_has_a_name() {
        let contract =
            prost_types::FileDescriptorSet::decode(crate::proto::FILE_DESCRIPTOR_SET).expect("decodes");
        let mut checked = 0;
        for file in contract.file.iter().filter(|file| file.package() == "passbridge.v1") {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/passbridge.v1.{}/{}", service.name(), method.name());
                    assert_eq!(method_of(&path), &path[1..]);
                    checked += 1;
                }
            }
        }
        assert!(checked >= 8);
        assert_eq!(method_of("/passbridge.v1.RegistrationCodeService/Guess"), OTHER);
    }
}
