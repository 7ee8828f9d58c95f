package isthmus;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.core.userdetails.UsernameNotFoundException;
import org.springframework.security.crypto.factory.PasswordEncoderFactories;
import org.springframework.security.web.SecurityFilterChain;

/** A Eureka server as the Spring Cloud reference describes one; everything else is properties (src/eureka.ts). */
@SpringBootApplication
@EnableEurekaServer
public class EurekaServer {
    public static void main(String[] args) {
        SpringApplication.run(EurekaServer.class, args);
    }

    /** Eureka clients send no CSRF token, so that protection has to be off (Spring Cloud Netflix, "Securing the Eureka Server"). */
    @Bean
    SecurityFilterChain access(HttpSecurity http, @Value("${isthmus.auth:false}") boolean auth) throws Exception {
        http.csrf(csrf -> csrf.disable());
        http.authorizeHttpRequests(requests -> {
            if (auth) requests.anyRequest().authenticated();
            else requests.anyRequest().permitAll();
        });
        return http.httpBasic(Customizer.withDefaults()).build();
    }

    /**
     * The one user of the properties. His password is read from a file at every request, so that it can be changed without a restart.
     * Spring's own would store it as a bcrypt hash after the first login and check that for 70 ms of CPU at every request, which is most
     * of the CPU time of a test that polls: only where a test is about that, and then it is the password of the start.
     */
    @Bean
    UserDetailsService users(
            @Value("${spring.security.user.name:nobody}") String name,
            @Value("${isthmus.password-file:}") Path file,
            @Value("${isthmus.hashes-passwords:false}") boolean hashes) throws IOException {
        String hash = hashes ? PasswordEncoderFactories.createDelegatingPasswordEncoder().encode(Files.readString(file)) : null;
        return asked -> {
            if (!asked.equals(name)) throw new UsernameNotFoundException(asked);
            return User.withUsername(name).password(hash != null ? hash : "{noop}" + read(file)).build();
        };
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
