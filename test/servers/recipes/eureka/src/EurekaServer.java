package isthmus;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
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
}
