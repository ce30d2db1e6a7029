// SPDX-License-Identifier: GPL-3.0-or-later
// GnuTLS as the measure for what we write in its stead, where the machine has it. It is loaded at run time:
// the project does not depend on it.
#pragma once

#include "crypto/openssl.hpp"

#include <dlfcn.h>

#include <iostream>
#include <optional>
#include <string>

namespace minivisor::crypto::test {

class GnuTls {
public:
    /// Null, with the reason on standard output, where the library is missing.
    static GnuTls const* find()
    {
        static GnuTls const instance;
        if (instance.m_check)
            return &instance;
        std::cout << "skipped: there is no libgnutls.so.30 to compare with\n";
        return nullptr;
    }

    /// The subject as QEMU sees it; nullopt where GnuTLS has none.
    std::optional<std::string> subject(X509 const* certificate) const
    {
        Loaded const loaded(*this, certificate);
        std::string text(65536, '\0');
        std::size_t size = text.size();
        if (!loaded.handle || m_subject(loaded.handle, text.data(), &size) < 0)
            return std::nullopt;
        text.resize(size);
        return text;
    }
    bool matches_host(X509 const* certificate, std::string const& host) const
    {
        Loaded const loaded(*this, certificate);
        return loaded.handle && m_check(loaded.handle, host.c_str()) != 0;
    }

private:
    struct Datum {
        unsigned char* data;
        unsigned size;
    };
    struct Loaded {
        Loaded(GnuTls const& gnutls, X509 const* certificate)
            : library(gnutls)
        {
            unsigned char* der = nullptr;
            auto const length = i2d_X509(certificate, &der);
            OpensslMemory const owner(der);
            Datum const datum{der, static_cast<unsigned>(length)};
            if (length <= 0 || library.m_init(&handle) < 0)
                return;
            if (library.m_import(handle, &datum, 0) < 0) {
                library.m_deinit(handle);
                handle = nullptr;
            }
        }
        ~Loaded()
        {
            if (handle)
                library.m_deinit(handle);
        }
        GnuTls const& library;
        void* handle = nullptr;
    };

    GnuTls()
    {
        void* const library = dlopen("libgnutls.so.30", RTLD_NOW | RTLD_LOCAL);
        if (!library)
            return;
        load(library, "gnutls_x509_crt_init", m_init);
        load(library, "gnutls_x509_crt_import", m_import);
        load(library, "gnutls_x509_crt_deinit", m_deinit);
        load(library, "gnutls_x509_crt_get_dn", m_subject);
        load(library, "gnutls_x509_crt_check_hostname", m_check);
    }
    template <typename Function>
    static void load(void* library, char const* name, Function& function)
    {
        function = reinterpret_cast<Function>(dlsym(library, name));
    }

    int (*m_init)(void**) = nullptr;
    int (*m_import)(void*, Datum const*, int) = nullptr;
    void (*m_deinit)(void*) = nullptr;
    int (*m_subject)(void*, char*, std::size_t*) = nullptr;
    unsigned (*m_check)(void*, char const*) = nullptr;
};

} // namespace minivisor::crypto::test
