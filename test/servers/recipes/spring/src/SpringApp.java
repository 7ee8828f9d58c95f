package isthmus;

import java.net.http.HttpClient;
import java.time.Duration;
import java.util.List;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.client.ServiceInstance;
import org.springframework.cloud.client.discovery.DiscoveryClient;
import org.springframework.cloud.client.loadbalancer.LoadBalanced;
import org.springframework.context.annotation.Bean;
import org.springframework.http.ResponseEntity;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClientException;
import org.springframework.web.client.RestTemplate;

/** A Spring Cloud service as people write them: it finds and balances by its registry's SDK. */
@SpringBootApplication
@RestController
public class SpringApp {
  private final DiscoveryClient discovery;
  private final RestTemplate http;

  public SpringApp(DiscoveryClient discovery, RestTemplate http) {
    this.discovery = discovery;
    this.http = http;
  }

  /** What the called instance answers, or 502 and why it could not be called. */
  @GetMapping("/call/{service}")
  public ResponseEntity<String> call(@PathVariable("service") String service) {
    try {
      return ResponseEntity.ok(http.getForObject("http://" + service + "/", String.class));
    } catch (RestClientException | IllegalStateException e) {
      return ResponseEntity.status(502).body(String.valueOf(e.getMessage()));
    }
  }

  @GetMapping("/instances/{service}")
  public List<ServiceInstance> instances(@PathVariable("service") String service) {
    return discovery.getInstances(service);
  }

  public static void main(String[] args) {
    SpringApplication.run(SpringApp.class, args);
  }
}

@org.springframework.context.annotation.Configuration
class Http {
  @Bean
  @LoadBalanced
  RestTemplate restTemplate() {
    var factory = new JdkClientHttpRequestFactory(HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(1)).build());
    factory.setReadTimeout(Duration.ofSeconds(1));
    return new RestTemplate(factory);
  }
}
