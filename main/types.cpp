// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/types.hpp"

#include "authz/authz.hpp"
#include "authz/list.hpp"
#include "authz/list_file.hpp"
#include "authz/pam.hpp"
#include "authz/simple.hpp"
#include "crypto/secret.hpp"
#include "crypto/tls_creds.hpp"
#include "hw/mini.hpp"
#include "machine/io_thread.hpp"
#include "machine/loader.hpp"
#include "machine/machine.hpp"
#include "machine/memory_backend.hpp"
#include "machine/memory_dirtier.hpp"

namespace minivisor::main {

void register_types(qom::TypeRegistry& types)
{
    authz::register_base(types);
    authz::register_simple(types);
    authz::register_list(types);
    authz::register_list_file(types);
#ifdef MINIVISOR_PAM
    authz::register_pam(types);
#endif
    crypto::register_secrets(types);
    crypto::register_tls_creds(types);
    machine::register_memory_backends(types);
    machine::register_machines(types);
    machine::register_loader(types);
    hw::register_mini(types);
    machine::register_io_thread(types);
    machine::register_memory_dirtier(types);
}

} // namespace minivisor::main
